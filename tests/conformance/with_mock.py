"""Run a command against a mock of the document: ``python with_mock.py PRISM COMMAND...``; adds ``--base-url`` to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "spec/openapi.yaml"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def main(prism: str, *command: str) -> int:
    """The exit status of the command."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mock = subprocess.Popen([prism, "mock", DOCUMENT, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        while not _listens(port):
            if mock.poll() is not None:
                print(f"{prism} ended with status {mock.returncode} before it listened", file=sys.stderr)
                return 1
            time.sleep(0.1)
        environment = {**os.environ, "ALLIUM_API_KEY": "any-key-will-do"}
        run = [*command, f"--base-url=http://127.0.0.1:{port}"]
        return subprocess.run(run, env=environment, check=False).returncode
    finally:
        mock.kill()
        mock.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

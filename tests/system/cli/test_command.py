"""``allium-md`` as a process: terminals, pipes, full disks and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.serving import MARKET, Sandbox, http, served

SPAN = ["--interval", "1h", "--start", "2026-03-01", "--end", "2026-03-03"]
LONG = ["--interval", "1m", "--start", "2026-03-01", "--end", "2026-03-09"]
HEADER = "market_id,ts,oi_base,oi_quote_usd,provisional"
TERMINAL = {"COLUMNS": "100", "TERM": "xterm"}
MAIN = [sys.executable, "-W", "error", "-c", "from allium_market_data.cli.main import main; main()"]


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    """Environment variables for a process that uses the sandbox."""
    return {**os.environ, "ALLIUM_API_KEY": sandbox.key, "ALLIUM_BASE_URL": sandbox.url, **TERMINAL}


def test_retries_print_nothing_on_standard_error() -> None:
    """The retry library logs each retry, and Python prints log records without a handler."""
    requests: list[bytes] = []

    def respond(connection: socket.socket, request: bytes) -> None:
        requests.append(request)
        connection.sendall(http(b"", "503 No", ["retry-after: 0"]) if len(requests) < 2 else http(b'{"items": []}'))

    with served(respond) as url:
        done = subprocess.run(
            [*MAIN, "open-interest", MARKET, *SPAN, "--base-url", url],
            capture_output=True,
            text=True,
            env={**os.environ, "ALLIUM_API_KEY": "key"},
            check=False,
        )
    assert len(requests) == 3
    assert (done.returncode, done.stdout, done.stderr) == (0, HEADER + "\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_terminal_gets_a_table_and_progress(env: dict[str, str]) -> None:
    import pty

    master, slave = pty.openpty()
    with subprocess.Popen([*MAIN, "open-interest", MARKET, *SPAN], stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        output = b""
        while part := _read(master):
            output += part
    os.close(master)
    assert process.returncode == 0
    text = output.decode()
    assert "oi_quote_usd" in text
    assert "8 more" in text
    assert "fetching" in text
    assert HEADER not in text


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux reports a closed terminal as an error
        return b""


def test_reader_that_closes_the_pipe_ends_the_command_quietly(env: dict[str, str]) -> None:
    with subprocess.Popen(
        [*MAIN, "open-interest", MARKET, *LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().decode() == f"{HEADER}\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line(env: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MAIN, "plan", *SPAN], stdout=full, stderr=subprocess.PIPE, text=True, env=env, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "allium-md: cannot write standard output: No space left on device\n",
    )


@pytest.fixture
def stalled(served_samples: Any) -> Iterator[tuple[str, threading.Event]]:
    """A server that never responds, and the event of its first request."""
    requested, closing = threading.Event(), threading.Event()

    def respond(connection: socket.socket, _: bytes) -> None:
        requested.set()
        closing.wait()

    with served(respond) as url:
        yield url, requested
        closing.set()


def test_ctrl_c_does_not_wait_for_a_stalled_server(stalled: tuple[str, threading.Event], tmp_path: Path) -> None:
    url, requested = stalled
    arguments = ["open-interest", MARKET, *LONG, "--base-url", url, "--output", str(tmp_path / "rows.parquet")]
    with subprocess.Popen(
        [*MAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ALLIUM_API_KEY": "key"},
    ) as process:
        requested.wait()
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        process.send_signal(signal.SIGINT)
        output = process.communicate()
    assert (process.returncode, *output) == (130, "", "allium-md: interrupted; nothing half-written stays\n")
    assert list(tmp_path.iterdir()) == []

"""An S3 server in a process of its own. In a thread of this one it would hang: delta-rs keeps the lock of the interpreter."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from xml.etree import ElementTree as ET

SERVER = [sys.executable, "-m", "support.s3_server"]
TESTS = Path(__file__).parents[1]

ACCESS_KEY, SECRET_KEY = "AKIAOBJECTSTORE", "secret/of+the+object+store"


@dataclass
class ObjectStore:
    """A running server. ``lines`` has what it prints: the path of each write that is held."""

    process: subprocess.Popen[str]
    url: str
    lines: SimpleQueue[str] = field(default_factory=SimpleQueue)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def options(self) -> dict[str, str]:
        """The storage options that reach it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def table(self, kind: str = "good") -> str:
        """The URI of a table that does not exist yet, in a new bucket of this kind."""
        bucket = f"{kind}-{next(self.numbers)}"
        self._request("PUT", bucket)
        return f"s3://{bucket}/oi"

    def keys(self, uri: str) -> list[str]:
        """The keys of all objects in the bucket of a table."""
        answer = ET.fromstring(self._request("GET", f"{_bucket(uri)}?list-type=2"))  # noqa: S314 - moto's
        return [element.text or "" for element in answer.iter() if element.tag.endswith("}Key")]

    def hold(self, uri: str, number: int) -> None:
        """Hold the ``number``-th next write to the bucket of a table. ``lines`` gets its path."""
        self._tell(f"{_bucket(uri)} {number}")

    def release(self, *, apply: bool) -> None:
        """Apply or drop the write that is held, and wait until that has happened."""
        self._tell("apply" if apply else "drop")
        assert self.lines.get() == "released"

    def read(self) -> None:
        """Collect what the server prints, until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _request(self, method: str, path: str) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", method=method)) as answer:  # noqa: S310
            content: bytes = answer.read()
        return content


def _bucket(uri: str) -> str:
    return uri.split("/")[2]


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Start the server, and end it at the end of the block."""
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(SERVER, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        store = ObjectStore(process, f"http://127.0.0.1:{process.stdout.readline().strip()}")
        reader = Thread(target=store.read)
        reader.start()
        try:
            yield store
        finally:
            assert process.stdin is not None
            process.stdin.close()
            reader.join()

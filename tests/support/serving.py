"""Servers for tests: the served sandbox, and one that sends any bytes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MARKET = "hl:perp:BTC-USDC"
SECRET = 'k3y/that&"nobody" may+see'
"""A key that every kind of escaping changes."""


@dataclass(frozen=True)
class Sandbox:
    """A served sandbox and the log of its requests."""

    url: str
    app: Any
    key: str

    @property
    def requests(self) -> list[Any]:
        return list(self.app.state.requests)


def page(start: datetime, rows: int, width: timedelta = timedelta(hours=1), market_id: str = MARKET) -> bytes:
    """A response body with consecutive rows."""
    stamps = [start + width * row for row in range(rows)]
    items = [
        {"market_id": market_id, "ts": ts.isoformat(), "oi_base": f"{row}.50", "oi_quote_usd": f"{row}00"}
        for row, ts in enumerate(stamps)
    ]
    return json.dumps({"items": items}).encode()


def http(body: bytes, status: str = "200 OK", headers: Iterable[str] = (), length: int | None = None) -> bytes:
    """An HTTP/1.1 response; ``length`` is a false Content-Length."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"content-length: {size}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Answer = Callable[[socket.socket, bytes], None]
"""Receives a connection and the head of a request, and sends any bytes."""


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A server that answers one request on each connection; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                head = b""
                while not head.endswith(b"\r\n\r\n") and (part := connection.recv(65536)):
                    head += part
                answer(connection, head)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join()

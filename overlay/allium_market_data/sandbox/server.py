"""A sandbox that listens: `running` for tests and programs, `main` for the command line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from ..errors import SandboxError
from .app import DEFAULT_API_KEY, create_app
from .endpoint import SandboxEndpoint
from .readings import reading_named
from .samples import Samples
from .synthetic import DEFAULT_SEED

LOOPBACK: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0


def main(
    port: int,
    host: str,
    data: list[Path],
    api_key: str,
    readings: list[str],
    seed: int,
    faults: Sequence[str] = (),
) -> None:
    """Serve a sandbox until it is interrupted, after saying on standard output where it is and what it holds.

    ``port`` 0 takes a free one; with ``faults`` it fails to answer.
    Raises `SandboxError` for a broken file, an unknown or contradictory reading, an unknown fault, an
    address that cannot be used and a key that cannot be sent.
    """
    from .faults import faults_named  # only here: whoever embeds a correct sandbox loads no wrong one
    from .faults.server import serve as serve_faults

    reading = reading_named(readings)
    chosen = faults_named(faults)
    with Samples.open(data, seed) as samples:
        banner = _banner(samples, api_key, readings, faults)
        app = create_app(samples, reading, api_key)  # checks the key
        if chosen:
            serve_faults(SandboxEndpoint(samples, reading, api_key), chosen, host, port, banner=banner)
        else:
            serve(app, host, port, banner=banner)


def serve(app: ASGIApp, host: str = LOOPBACK, port: int = 0, banner: str = "") -> None:
    """Serve ``app`` in this thread until Ctrl-C, which ends it without an error.

    Prints the base URL first, then ``banner``. Raises `SandboxError` for an address that cannot be used.
    """
    with listening(host, port) as listener:
        print(f"sandbox at {url_of(listener)}\n{banner}".rstrip(), flush=True)
        try:
            _server(app).run(sockets=[listener])
        except KeyboardInterrupt:
            # uvicorn has shut down in order and raises the signal again for whoever runs it: us.
            return


@contextmanager
def running(app: ASGIApp, host: str = LOOPBACK, port: int = 0) -> Iterator[str]:
    """Serve ``app`` in a background thread and give its base URL; at the end of the block, stop it and wait."""
    with listening(host, port) as listener:
        url = url_of(listener)
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            _wait(server, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SandboxError("the sandbox did not start")
        time.sleep(0.001)


def _server(app: ASGIApp) -> uvicorn.Server:
    # Logging is left alone: it belongs to the program that runs this.
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
    return uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=1, **quiet))


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, bound here and not by a server: its port is known at once, its error ours to word.

    Raises `SandboxError` for an address that cannot be used.
    """
    if not 0 <= port <= 65535:
        raise SandboxError(f"port {port} is not between 0 and 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SandboxError(f"cannot listen on {host} port {port}: {reason}; choose another --port or --host") from error
    # A small answer must not wait for the client's delayed acknowledgement; asyncio leaves sockets made like this alone.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a server at a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _banner(samples: Samples, api_key: str, readings: list[str], faults: Sequence[str]) -> str:
    # A key of the user's own is a secret, even here; the default one is in the documentation.
    key = api_key if api_key == DEFAULT_API_KEY else "the one you gave"
    markets = (f"  {source.market_id:<24} {source.kind:<10} {source.note}" for source in samples.sources)
    return "\n".join(
        [
            f"header X-API-KEY: {key}",
            f"reading: {', '.join(readings) or 'plain'}",
            *([f"failing on purpose: {', '.join(faults)}"] if faults else []),
            "markets:",
            *markets,
        ]
    )


__all__ = ["DEFAULT_SEED", "LOOPBACK", "listening", "main", "running", "serve", "url_of"]

"""Serving an application on a socket: `running` in a background thread, `serve` in this one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from ..errors import SandboxError

LOOPBACK: Final = "127.0.0.1"
_TURNS_TO_ACCEPT: Final = 3
"""Turns of an event loop until uvicorn knows of a connection that the loop accepts. It would leave that connection open."""


def serve(app: ASGIApp, host: str = LOOPBACK, port: int = 0, on_start: Callable[[str], object] | None = None) -> None:
    """Serve ``app`` in this thread until Ctrl-C, which ends it without an error.

    ``on_start`` is called with the base URL once clients can connect. Raises `SandboxError` for an address that cannot
    be used.
    """
    # After an orderly shutdown, uvicorn raises the signal again.
    with suppress(KeyboardInterrupt), listening(host, port) as listener:
        if on_start is not None:
            on_start(url_of(listener))
        _server(app).run(sockets=[listener])


@contextmanager
def running(app: ASGIApp, host: str = LOOPBACK, port: int = 0) -> Iterator[str]:
    """Serve ``app`` in a background thread and give its base URL; stop it at the end of the block."""
    with listening(host, port) as listener:
        base_url, server = url_of(listener), _server(app)

        def run() -> None:
            with listener:  # if the server fails, clients are refused instead of left waiting
                server.run(sockets=[listener])

        thread = threading.Thread(target=run, name="sandbox", daemon=True)
        thread.start()
        try:
            # The socket listens already: a client that connects before the server runs waits for it.
            yield base_url
        finally:
            server.stop()
            thread.join()


class _Server(uvicorn.Server):
    """Stops at once, and closes every connection that it has accepted, whatever it does then."""

    loop: asyncio.AbstractEventLoop | None = None
    stopped: asyncio.Event

    def stop(self) -> None:
        """Stop it, from another thread. uvicorn alone would look 10 times a second whether it should."""
        self.should_exit = True
        if self.loop is not None:
            with suppress(RuntimeError):  # it has ended
                self.loop.call_soon_threadsafe(self.stopped.set)

    async def main_loop(self) -> None:
        self.stopped = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        ends = [asyncio.ensure_future(super().main_loop()), asyncio.ensure_future(self.stopped.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        await super().shutdown(sockets)
        for connection in self.server_state.connections.copy():  # those that outlast the time for it
            connection.transport.abort()
        await asyncio.sleep(0)  # for the sockets to be closed


def _server(app: ASGIApp) -> _Server:
    # Logging is left alone: it belongs to the program that runs this.
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
    return _Server(uvicorn.Config(app, timeout_graceful_shutdown=1, **quiet))


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket. It is bound here, so that its port is known at once.

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
    # A small response must not wait for the client's delayed acknowledgement; asyncio leaves such sockets alone.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a server at a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

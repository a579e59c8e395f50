"""Connections of a listening socket, each in a task that ends with its socket closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

MAX_HEAD: Final = 2**16

Conversation: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection. It ends soon after the connection is closed."""


@asynccontextmanager
async def accepting(listener: socket.socket, serve: Conversation) -> AsyncIterator[None]:
    """Accept connections on this loop during the block; after it every one of them is closed.

    `asyncio.start_server` would not do: it loses sight of a connection that arrives while it is being closed.
    """
    loop = asyncio.get_running_loop()
    running: dict[socket.socket, asyncio.Task[None]] = {}

    def accept() -> None:
        with suppress(OSError):  # the client went away
            connection, _ = listener.accept()
            connection.setblocking(False)
            running[connection] = loop.create_task(_talk(connection, serve))
            running[connection].add_done_callback(lambda _: end(connection))

    def end(connection: socket.socket) -> None:
        running.pop(connection)
        connection.close()  # a second Ctrl-C cancels tasks that have not begun

    listener.setblocking(False)
    loop.add_reader(listener, accept)
    try:
        yield
    finally:
        loop.remove_reader(listener)
        for connection in running:
            with suppress(OSError):  # the client has closed it already
                connection.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(*running.values())


async def _talk(connection: socket.socket, serve: Conversation) -> None:
    with suppress(OSError):  # the client went away before it had everything
        reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_HEAD)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

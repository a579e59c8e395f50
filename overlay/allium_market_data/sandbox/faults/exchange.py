"""One request on its connection, and what a fault can do with the two."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..endpoint import SandboxEndpoint, SandboxRequest, SandboxResponse

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: discard unsent data and send a reset."""


@dataclass
class Exchange:
    """A request and its connection. Methods that send raise `OSError` when the client is gone."""

    request: SandboxRequest
    endpoint: SandboxEndpoint
    other_origin: str
    """Base URL of a server that has another origin and gives correct responses."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def correct_response(self, request: SandboxRequest | None = None) -> SandboxResponse:
        """The correct response to ``request``, by default to the one received."""
        return self.endpoint(request or self.request)

    def head(self, response: SandboxResponse) -> bytes:
        """Status line and headers, with the correct content-length."""
        headers = {**response.headers, "content-length": str(len(response.body))}
        lines = [f"HTTP/1.1 {response.status} Status", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"

    async def send(self, response: SandboxResponse) -> None:
        """Send a response. The connection stays open."""
        await self.write(self.head(response) + response.body)

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def pause(self, seconds: float | None = None) -> None:
        """Wait, without an end if ``seconds`` is None. Raises `OSError` when the connection ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(1), seconds)
            raise ConnectionAbortedError

    async def close(self) -> None:
        """Close the connection in order."""
        self.writer.close()

    async def reset(self) -> None:
        """Reset the connection: the client gets an error, and may lose what it has not read."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.writer.transport.abort()

"""A thin HTTP/1.1 server on bare TCP: it gets the right answer from an endpoint, and lets a fault send what it likes."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import unquote

from ..app import PATH
from ..endpoint import Answer, Call, SandboxEndpoint
from ..server import LOOPBACK, listening, url_of
from .fault import Fault, check, turn

_LONGEST_HEAD: Final = 2**16
_PREFIX, _SUFFIX = PATH.split("{market_id}")
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: what is not sent is thrown away, and the other side gets a reset."""


@dataclass(slots=True)
class Seen:
    """A request that came: when, what for, what was done to it, and when that was over (`time.monotonic`)."""

    target: str
    has_key: bool
    fault: str | None
    began: float
    ended: float | None = None


@dataclass
class Faulty:
    """An endpoint behind faults. ``requests`` are those that came, ``strays`` those that came to the other origin."""

    endpoint: SandboxEndpoint
    faults: Sequence[Fault]
    url: str = ""
    elsewhere: str = ""
    requests: list[Seen] = field(default_factory=list)
    strays: list[Seen] = field(default_factory=list)
    crashes: list[BaseException] = field(default_factory=list)
    """What went wrong here by mistake."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def most_at_a_time(self) -> int:
        """How many requests were open at the same time, at most."""
        now = time.monotonic()
        steps = sorted(
            step
            for seen in self.requests
            for step in ((seen.began, 1), (now if seen.ended is None else seen.ended, -1))
        )
        most = open_ = 0
        for _, change in steps:
            open_ += change
            most = max(most, open_)
        return most

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, astray: bool) -> None:
        """Answer the requests of one connection until it is closed."""
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while not writer.is_closing():
                call, target = _read(await reader.readuntil(b"\r\n\r\n"))
                log = self.strays if astray else self.requests
                fault = None if astray else turn(self.faults, len(log))
                seen = Seen(target, call.api_key is not None, fault.name if fault else None, time.monotonic())
                log.append(seen)
                exchange = Connection(self, call, reader, writer)
                try:
                    await (fault.act(exchange) if fault and fault.act else exchange.send(exchange.honest()))
                finally:
                    seen.ended = time.monotonic()


def _read(head: bytes) -> tuple[Call, str]:
    """A request out of its head, and its target. What is no request for rows becomes one for no market."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    target = [*first.split(" "), ""][1]
    path, _, query = target.partition("?")
    market = path.removeprefix(_PREFIX).removesuffix(_SUFFIX) if path.startswith(_PREFIX) else ""
    key = headers.get("x-api-key")
    return (
        Call(
            unquote(market),
            query.encode("latin-1"),
            None if key is None else key.encode("latin-1"),
            headers.get("accept-encoding", ""),
            path.encode("latin-1"),
        ),
        target,
    )


@dataclass
class Connection:
    """What a fault gets: see `Exchange`."""

    server: Faulty
    call: Call
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def elsewhere(self) -> str:
        """The base URL of another origin."""
        return self.server.elsewhere

    def honest(self, call: Call | None = None) -> Answer:
        """The right answer."""
        return self.server.endpoint(call or self.call)

    def head(self, answer: Answer) -> bytes:
        """Status line and headers, with the right length."""
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        lines = [f"HTTP/1.1 {answer.status} Status", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"

    async def send(self, answer: Answer) -> None:
        """Send an answer as HTTP has it."""
        await self.write(self.head(answer) + answer.body)

    async def write(self, part: bytes) -> None:
        """Send bytes as they are. Raises `OSError` when the other side is gone."""
        self.writer.write(part)
        await self.writer.drain()

    async def pause(self, seconds: float | None = None) -> None:
        """Let time pass. Raises `OSError` as soon as the other side, or this server, ends the connection."""
        ends = [asyncio.ensure_future(self.reader.read(1)), asyncio.ensure_future(self.server.over.wait())]
        done, left = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        if done:
            raise ConnectionAbortedError

    async def close(self) -> None:
        """Close the connection in order."""
        self.writer.close()

    async def reset(self) -> None:
        """Break it: the other side is told of an error, and may lose what it has not read."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.writer.transport.abort()


@asynccontextmanager
async def opened(
    endpoint: SandboxEndpoint, faults: Iterable[Fault], host: str = LOOPBACK, port: int = 0
) -> AsyncIterator[Faulty]:
    """Serve on this loop for as long as the block lasts. Raises `SandboxError` for faults that cannot follow one another."""
    server = Faulty(endpoint, check(faults))
    is_deaf = any(fault.act is None for fault in server.faults)
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, astray: bool = False) -> None:
        task = asyncio.create_task(server.serve(reader, writer, astray=astray))
        connections.add(task)
        task.add_done_callback(partial(ended, writer=writer))

    def ended(task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        connections.discard(task)
        if task.cancelled():
            writer.transport.abort()  # what it would still send is nobody's any longer
        elif crash := task.exception():
            server.crashes.append(crash)

    with _deaf(host, port) if is_deaf else listening(host, port) as here, listening(LOOPBACK, 0) as there:
        server.url, server.elsewhere = url_of(here), url_of(there)
        servings = [await asyncio.start_server(partial(connected, astray=True), sock=there, limit=_LONGEST_HEAD)]
        if not is_deaf:
            servings.append(await asyncio.start_server(connected, sock=here, limit=_LONGEST_HEAD))
        try:
            yield server
        finally:
            server.over.set()
            for serving in servings:
                serving.close()
            await asyncio.sleep(0)  # for a connection that is just being accepted
            for one in connections:
                one.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await asyncio.sleep(0)  # for the sockets to be closed


@contextmanager
def _deaf(host: str, port: int) -> Iterator[socket.socket]:
    """A socket whose port is taken, and where nobody listens: who connects is refused."""
    with listening(host, port) as listener:
        address = listener.getsockname()
    with socket.socket(listener.family) as taken:
        taken.bind(address)
        yield taken


def serve(
    endpoint: SandboxEndpoint, faults: Sequence[Fault], host: str = LOOPBACK, port: int = 0, banner: str = ""
) -> None:
    """Serve in this thread until Ctrl-C, which ends it without an error, as `..server.serve` does."""

    async def live() -> None:
        async with opened(endpoint, faults, host, port) as server:
            print(f"sandbox at {server.url}\n{banner}".rstrip(), flush=True)
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(live())


@contextmanager
def faulting(
    endpoint: SandboxEndpoint, faults: Iterable[Fault], host: str = LOOPBACK, port: int = 0
) -> Iterator[Faulty]:
    """Serve in a background thread, and give the server; at the end of the block, stop it and wait."""
    started: list[Faulty] = []
    failed: list[BaseException] = []
    ready, stop = threading.Event(), threading.Event()

    async def live() -> None:
        async with opened(endpoint, faults, host, port) as server:
            started.append(server)
            ready.set()
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - for whoever waits, in another thread
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failed:
            raise failed[0]
        yield started[0]
    finally:
        stop.set()
        thread.join()

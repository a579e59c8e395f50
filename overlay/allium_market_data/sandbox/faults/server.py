"""An HTTP/1.1 server on bare TCP: it takes correct responses from an endpoint, and lets faults send what they like."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote

from allium_market_data_wire.contract import KEY_HEADER, Operation

from ..endpoint import HEALTH, HEALTH_PATH, SandboxEndpoint, SandboxRequest
from ..query import parameters_of
from ..request_log import access_line
from ..server import LOOPBACK, listening, url_of
from .acceptor import accepting
from .exchange import Exchange
from .fault import Fault, check_sequence, fault_for


@dataclass(slots=True)
class ServedRequest:
    """A request that arrived, the fault that it met, and when it began and ended (`time.monotonic`)."""

    method: str
    target: str
    has_key: bool
    fault: str | None
    began: float
    ended: float | None = None


@dataclass
class FaultyServer:
    """An endpoint behind faults, and the requests that it has received."""

    endpoint: SandboxEndpoint
    faults: Sequence[Fault]
    url: str = ""
    other_origin: str = ""
    """Base URL of a second server, which has another origin and gives correct responses."""
    requests: list[ServedRequest] = field(default_factory=list)
    other_origin_requests: list[ServedRequest] = field(default_factory=list)
    crashes: list[BaseException] = field(default_factory=list)
    """Errors of this server that no fault intended."""
    access_log: Callable[[str], object] | None = None
    """Called with a line for each request that has ended."""

    def max_concurrent(self) -> int:
        """The largest number of requests that were open at the same time."""
        now = time.monotonic()
        changes = sorted(
            change
            for request in self.requests
            for change in ((request.began, 1), (now if request.ended is None else request.ended, -1))
        )
        most = current = 0
        for _, change in changes:
            current += change
            most = max(most, current)
        return most

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_other_origin: bool) -> None:
        """Answer the requests of one connection until it is closed."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                while not writer.is_closing():
                    await self._answer(reader, writer, is_other_origin)
        except Exception as crash:  # noqa: BLE001 - the test that reads them decides
            self.crashes.append(crash)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_other_origin: bool) -> None:
        """Read a request and answer it, rightly or wrongly."""
        request, method, target = _parse_head(await reader.readuntil(b"\r\n\r\n"), self.endpoint.operation)
        exchange = Exchange(request, self.endpoint, self.other_origin, reader, writer)
        if target == HEALTH_PATH:
            await exchange.send(HEALTH)  # no fault: a health check must not use them up
            return
        log = self.other_origin_requests if is_other_origin else self.requests
        fault = None if is_other_origin else fault_for(self.faults, len(log))
        has_key, name = request.api_key is not None, fault.name if fault else None
        served = ServedRequest(method, target, has_key, name, time.monotonic())
        log.append(served)
        try:
            if fault and fault.handler:
                await fault.handler(exchange)
            else:
                await exchange.send(exchange.correct_response())
        finally:
            served.ended = time.monotonic()
            self._log(served, served.ended - served.began)

    def _log(self, served: ServedRequest, seconds: float) -> None:
        if self.access_log is not None:
            path, _, query = served.target.partition("?")
            outcome = f"fault {served.fault}" if served.fault else "answered"
            request = (served.method, unquote(path), query)
            parameters = parameters_of(self.endpoint.operation)
            self.access_log(access_line(request, outcome, seconds, parameters, self.endpoint.api_key))


def _parse_head(head: bytes, operation: Operation) -> tuple[SandboxRequest, str, str]:
    """The request of a head, its method and its target. Any other path becomes a request for an unknown market."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, *_ = [*first.split(" "), ""]
    path, _, query = target.partition("?")
    prefix, suffix = operation.path.split(f"{{{operation.market_parameter}}}")
    market = path.removeprefix(prefix).removesuffix(suffix) if path.startswith(prefix) else ""
    key = headers.get(KEY_HEADER.lower())
    request = SandboxRequest(
        unquote(market),
        query.encode("latin-1"),
        None if key is None else key.encode("latin-1"),
        headers.get("accept-encoding", ""),
        path.encode("latin-1"),
    )
    return request, method, target


@asynccontextmanager
async def _serving(
    endpoint: SandboxEndpoint, faults: Iterable[Fault], host: str, port: int
) -> AsyncIterator[FaultyServer]:
    """Serve on this loop during the block."""
    server = FaultyServer(endpoint, check_sequence(faults))
    refuses_connections = any(fault.handler is None for fault in server.faults)
    main_socket = _refusing(host, port) if refuses_connections else listening(host, port)
    with main_socket as main, listening(LOOPBACK, 0) as other:
        server.url, server.other_origin = url_of(main), url_of(other)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(accepting(other, partial(server.serve, is_other_origin=True)))
            if not refuses_connections:
                await stack.enter_async_context(accepting(main, partial(server.serve, is_other_origin=False)))
            yield server


@contextmanager
def _refusing(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds its port and refuses connections."""
    with listening(host, port) as listener:
        address = listener.getsockname()
    with socket.socket(listener.family) as bound:
        bound.bind(address)
        yield bound


def serve_with_faults(
    endpoint: SandboxEndpoint,
    faults: Sequence[Fault],
    host: str = LOOPBACK,
    port: int = 0,
    on_start: Callable[[str], object] | None = None,
    access_log: Callable[[str], object] | None = None,
) -> None:
    """Serve in this thread until Ctrl-C, as `..server.serve` does; ``access_log`` as in `..app.create_app`."""

    async def run() -> None:
        async with _serving(endpoint, faults, host, port) as server:
            server.access_log = access_log
            if on_start is not None:
                on_start(server.url)
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


@contextmanager
def running_with_faults(
    endpoint: SandboxEndpoint, faults: Iterable[Fault], host: str = LOOPBACK, port: int = 0
) -> Iterator[FaultyServer]:
    """Serve in a background thread and give the server; stop it at the end of the block."""
    started: list[FaultyServer] = []
    failed: list[BaseException] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with _serving(endpoint, faults, host, port) as server:
            started.append(server)
            ready.set()
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
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

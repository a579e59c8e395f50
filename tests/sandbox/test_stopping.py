"""A server that stops has closed every connection, also those that arrive in that moment and those that never end."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from allium_market_data.sandbox import Reading, Samples, SandboxEndpoint, running
from allium_market_data.sandbox.faults import Fault, running_with_faults
from allium_market_data.sandbox.faults.acceptor import accepting
from allium_market_data.sandbox.faults.exchange import Exchange
from allium_market_data.sandbox.server import listening

REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
BODY = b"x" * 2**24
"""More than the buffers of a connection hold."""


@contextmanager
def served(kind: str, samples: Samples, arrived: Callable[[], object], body: bytes) -> Iterator[str]:
    """A server that calls ``arrived`` on its loop for each request. Its response does not end, unless ``body`` is empty."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        arrived()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": body != b""})
        if body:
            await asyncio.Event().wait()

    async def handle(exchange: Exchange) -> None:
        arrived()
        await exchange.write(body)
        await exchange.pause()

    if kind == "app":
        with running(app) as url:
            yield url
    else:
        fault = Fault("endless", "sends without an end", handle, after=0, times=None)
        with running_with_faults(SandboxEndpoint(samples, Reading(), "key"), [fault]) as server:
            yield server.url
        assert server.crashes == []


def connect(stack: ExitStack, url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return stack.enter_context(socket.create_connection((host, int(port)), timeout=30))


def read_to_the_end(connection: socket.socket) -> None:
    """Returns when the server has closed or reset the connection."""
    try:
        while connection.recv(2**20):
            pass
    except ConnectionResetError:
        pass


@pytest.mark.parametrize("kind", ["app", "faults"])
def test_connections_that_arrive_while_a_server_stops_are_closed(
    samples: Samples, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, gate, join = threading.Event(), threading.Event(), threading.Thread.join

    def stand() -> None:  # the loop stands still: what comes then, it meets all at once
        arrived.set()
        gate.wait()

    def open_and_join(thread: threading.Thread, timeout: float | None = None) -> None:
        time.sleep(0.2)  # time for the order to stop to reach the loop; without it the test passes, but misses the race
        gate.set()
        join(thread, timeout)

    with ExitStack() as stack:
        with served(kind, samples, stand, b"") as url:
            connect(stack, url).sendall(REQUEST)
            arrived.wait()
            connections = [connect(stack, url) for _ in range(4)]
            monkeypatch.setattr(threading.Thread, "join", open_and_join)
        for connection in connections:
            read_to_the_end(connection)
    gc.collect()  # a socket that was left open warns, which fails the test


@pytest.mark.parametrize("kind", ["app", "faults"])
def test_a_response_that_nobody_reads_does_not_outlast_its_server(samples: Samples, kind: str) -> None:
    arrived = threading.Event()
    with ExitStack() as stack:
        with served(kind, samples, arrived.set, BODY) as url:
            connection = connect(stack, url)
            connection.sendall(REQUEST)
            arrived.wait()
        read_to_the_end(connection)
    gc.collect()


def test_a_connection_whose_task_is_cancelled_before_it_begins_is_closed() -> None:
    """A second Ctrl-C cancels every task of the loop at once."""

    async def never(*_: object) -> None:
        raise AssertionError("unreachable")

    async def serve() -> socket.socket:
        with listening("127.0.0.1", 0) as listener:
            client = socket.create_connection(listener.getsockname())
            async with accepting(listener, never):
                others = asyncio.all_tasks()
                while not (begun := asyncio.all_tasks() - others):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)
                for task in begun:
                    task.cancel()
                await asyncio.wait(begun)
            return client

    with asyncio.run(serve()) as client:
        assert client.recv(1) == b""
    gc.collect()

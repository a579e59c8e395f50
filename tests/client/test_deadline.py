"""The deadline of a whole call: one error that says how far it got, in both clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from allium_market_data import AsyncMarketData, MarketData
from allium_market_data.client.circuit import monotonic
from allium_market_data.errors import DeadlineExceededError, RateLimitedError, UsageError
from support import virtual_time
from support.adapted import scripted
from support.serving import MARKET, Sandbox, served

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}
SOL = "hl:perp:SOL-USDC"


def run(
    handler: Callable[[httpx.Request], Awaitable[httpx.Response]],
    use: Callable[[AsyncMarketData], Coroutine[Any, Any, None]],
) -> list[float]:
    """Use a client of a server that is a function, in virtual time. Returns when the requests came."""
    times: list[float] = []

    async def timed(request: httpx.Request) -> Any:
        times.append(virtual_time.now())
        return await handler(request)

    async def main() -> None:
        async with AsyncMarketData("key", "https://api.example") as client:
            client._http = scripted(timed)
            await use(client)

    virtual_time.run(main())
    return times


async def stall(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@pytest.mark.parametrize("markets", [MARKET, [MARKET, SOL]])
def test_a_stalled_server_ends_at_the_deadline_with_market_and_window(markets: Any) -> None:
    async def use(client: AsyncMarketData) -> None:
        with pytest.raises(DeadlineExceededError, match="rows are complete up to 2026-03-01T00:00:00Z") as caught:
            await client.open_interest(markets, deadline=20, **SPAN)
        assert virtual_time.now() == 20
        assert caught.value.market_id in (MARKET, SOL)
        assert caught.value.window is not None

    run(stall, use)


@contextmanager
def stalled_server() -> Iterator[str]:
    release = threading.Event()

    def wait(*_: object) -> None:
        release.wait(60)

    with served(wait) as url:
        try:
            yield url
        finally:
            release.set()


def test_the_synchronous_client_keeps_the_deadline_too() -> None:
    expected = pytest.raises(DeadlineExceededError, match="rows are complete up to 2026-03-01T00:00:00Z")
    with stalled_server() as url, MarketData("key", url) as client, expected:
        client.open_interest([MARKET, SOL], deadline=0.05, **SPAN)


def test_a_fetch_within_its_deadline_is_complete(sandbox: Sandbox) -> None:
    with MarketData(sandbox.key, sandbox.url) as client:
        assert len(client.open_interest(MARKET, deadline=600, **SPAN)) == 48
        assert len(list(client.iter_open_interest(MARKET, deadline=600, **SPAN))) == 48


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), "5"])
def test_a_wrong_deadline_is_refused(deadline: Any) -> None:
    with MarketData("key") as client:
        for method in (client.open_interest, client.iter_open_interest):
            with pytest.raises(UsageError, match="deadline must be"):
                method(MARKET, deadline=deadline, **SPAN)


def test_a_retry_after_beyond_the_deadline_fails_at_once() -> None:
    async def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"retry-after": "60"})

    async def use(client: AsyncMarketData) -> None:
        with pytest.raises(RateLimitedError, match="Retry-After 60; the deadline is sooner") as caught:
            await client.open_interest([MARKET, SOL], deadline=50, **SPAN)
        assert caught.value.window is not None

    assert run(refuse, use) == [0]


def test_the_deadline_of_a_stream_begins_at_the_call() -> None:
    async def use(client: AsyncMarketData) -> None:
        rows = client.iter_open_interest(MARKET, deadline=10, **SPAN)
        pages = client.iter_open_interest(MARKET, by="page", deadline=10, **SPAN)
        await asyncio.sleep(11)
        for stream in (rows, pages):
            with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 requests"):
                await anext(stream)

    assert run(stall, use) == []


def test_the_deadline_of_a_synchronous_stream_begins_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with MarketData("key", "http://127.0.0.1:9") as client:
        began = monotonic()
        rows = client.iter_open_interest(MARKET, deadline=600, **SPAN)
        pages = client.iter_open_interest(MARKET, by="page", deadline=600, **SPAN)
        monkeypatch.setattr("allium_market_data.client.series_fetch.monotonic", lambda: began + 10_000)
        for stream in (rows, pages):
            with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 requests"):
                next(stream)

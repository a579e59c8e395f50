"""The deadline over a whole call: one typed error that says how far it got, in both clients."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from allium_market_data import AsyncMarketData, MarketData
from allium_market_data.errors import DeadlineExceededError, RateLimitedError, UsageError
from support.serving import MARKET, Sandbox, http, served

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("markets", [MARKET, [MARKET, "hl:perp:SOL-USDC"]])
def test_a_stalled_server_ends_by_the_deadline_with_market_and_window(asynchronous: bool, markets: Any) -> None:
    over = threading.Event()

    def sync(url: str) -> None:
        with MarketData("key", url) as client:
            client.open_interest(markets, deadline=0.2, **SPAN)

    async def other(url: str) -> None:
        async with AsyncMarketData("key", url) as client:
            await client.open_interest(markets, deadline=0.2, **SPAN)

    def stall(*_: Any) -> None:
        over.wait(20)

    with served(stall) as url:
        with pytest.raises(DeadlineExceededError, match="rows are complete up to 2026-03-01T00:00:00Z") as caught:
            asyncio.run(other(url)) if asynchronous else sync(url)
        over.set()
    assert caught.value.market_id in (MARKET, "hl:perp:SOL-USDC")
    assert caught.value.window is not None


def test_a_fetch_within_its_deadline_is_whole_and_a_wrong_deadline_is_told(sandbox: Sandbox) -> None:
    with MarketData(sandbox.key, sandbox.url) as client:
        assert len(client.open_interest(MARKET, deadline=60, **SPAN)) == 48
        assert len(list(client.iter_open_interest(MARKET, deadline=60, **SPAN))) == 48
        wrongs: list[Any] = [0, -1, float("inf"), "5"]
        for wrong in wrongs:
            with pytest.raises(UsageError, match="deadline must be"):
                client.open_interest(MARKET, deadline=wrong, **SPAN)
            with pytest.raises(UsageError, match="deadline must be"):
                client.iter_open_interest(MARKET, deadline=wrong, **SPAN)


def by_sync(url: str, deadline: float) -> None:
    with MarketData("key", url) as client:
        client.open_interest([MARKET, "hl:perp:SOL-USDC"], deadline=deadline, **SPAN)


def by_async(url: str, deadline: float) -> None:
    async def run() -> None:
        async with AsyncMarketData("key", url) as client:
            await client.open_interest([MARKET, "hl:perp:SOL-USDC"], deadline=deadline, **SPAN)

    asyncio.run(run())


@pytest.mark.parametrize("fetch", [by_sync, by_async])
def test_a_retry_after_beyond_the_deadline_is_told_at_once(fetch: Callable[[str, float], None]) -> None:
    asked: list[bytes] = []

    def answer(connection: Any, head: bytes) -> None:
        asked.append(head)
        connection.sendall(http(b"", "429 Later", ["retry-after: 60"]))

    began = time.monotonic()
    with (
        served(answer) as url,
        pytest.raises(RateLimitedError, match="Retry-After 60; the deadline is sooner") as caught,
    ):
        fetch(url, 50)
    assert time.monotonic() - began < 25
    assert len(asked) == 1
    assert caught.value.window is not None


def test_the_clock_of_a_stream_begins_at_the_call(sandbox: Sandbox) -> None:
    with MarketData(sandbox.key, sandbox.url) as client:
        rows = client.iter_open_interest(MARKET, deadline=0.1, **SPAN)
        pages = client.iter_open_interest(MARKET, by="page", deadline=0.1, **SPAN)
        time.sleep(0.15)
        for late in (rows, pages):
            with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 requests"):
                next(late)
    assert sandbox.requests == []

    async def run() -> None:
        async with AsyncMarketData(sandbox.key, sandbox.url) as client:
            late = client.iter_open_interest(MARKET, deadline=0.1, **SPAN)
            await asyncio.sleep(0.15)
            await anext(late)

    with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 requests"):
        asyncio.run(run())
    assert sandbox.requests == []

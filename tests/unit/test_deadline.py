"""The deadline over a whole call: one typed error that says how far it got, in both clients."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from allium_market_data import AsyncMarketData, MarketData
from allium_market_data.errors import DeadlineExceededError, UsageError
from serving import MARKET, Sandbox, served

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
        with pytest.raises(DeadlineExceededError, match="rows are whole up to 2026-03-01T00:00:00Z") as caught:
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

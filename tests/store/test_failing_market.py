"""A market that always ends in a 5xx does not keep the others from being fetched; a server that is down ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import ServerError
from allium_market_data.store import backfill, update
from support.exchange import BTC, ETH, Exchange
from support.failing import fail
from support.tables import final_values

SPAN = "2026-05-01", "2026-05-18"
SOL = "hl:perp:SOL-USDC"
MARKETS = [BTC, ETH, SOL, *(f"hl:perp:M{number}-USDC" for number in range(3))]
ATTEMPTS = 2


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in MARKETS:
        exchange.fill(market, SPAN[0], "2026-05-20T10:00:00Z")
    return exchange


@pytest.mark.parametrize("bad", [MARKETS[:1], MARKETS[4:5], [MARKETS[1], MARKETS[5]]])
def test_the_other_markets_are_complete(filled: Exchange, client: MarketData, table: Path, bad: list[str]) -> None:
    failing = fail(filled, bad)
    done = backfill(MARKETS, "1h", *SPAN, table, client=client)
    assert sorted(failure.key[1] for failure in done.failures) == sorted(bad)
    assert {type(failure.error) for failure in done.failures} == {ServerError}
    for market in set(MARKETS) - set(bad):
        assert final_values(table, market) == filled.values(*SPAN, market)
    assert len(failing.requests) <= 4 * ATTEMPTS * len(bad)


def test_an_update_is_not_ended_by_the_market_furthest_behind(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    backfill(BTC, "1h", SPAN[0], "2026-05-10", table, client=client)
    backfill(ETH, "1h", *SPAN, table, client=client)
    fail(filled, [BTC])
    result = update(table, client=client)
    assert [failure.key[1] for failure in result.failures] == [BTC]
    assert final_values(table, ETH) == filled.values(SPAN[0], "2026-05-20T09:00:00Z", ETH)


@pytest.mark.parametrize("markets", [MARKETS, MARKETS[:2], MARKETS[:1]])
def test_a_dead_server_ends_the_run(filled: Exchange, client: MarketData, table: Path, markets: list[str]) -> None:
    failing = fail(filled, MARKETS)
    with pytest.raises(ServerError):
        backfill(markets, "1h", *SPAN, table, client=client)
    assert len(failing.requests) <= 4 * ATTEMPTS  # of several at once, then of three markets alone

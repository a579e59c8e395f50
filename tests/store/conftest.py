"""An exchange for the tests of the table, and clients that live in its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client.async_client import AsyncMarketData
from support.exchange import KEY, Exchange, opened


@pytest.fixture(scope="session")
def _served() -> Iterator[Exchange]:
    with opened() as exchange:
        yield exchange


@pytest.fixture
def exchange(_served: Exchange, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A server without markets; clients have its clock, and its address and key in their environment."""
    fresh = Exchange()
    _served.now, _served.skew, _served.samples = fresh.now, fresh.skew, fresh.samples
    _served.app.state.requests.clear()
    monkeypatch.setattr(AsyncMarketData, "_clock", staticmethod(lambda: _served.now + _served.skew))
    monkeypatch.setenv("ALLIUM_API_KEY", KEY)
    monkeypatch.setenv("ALLIUM_BASE_URL", _served.url)
    return _served


@pytest.fixture
def client(exchange: Exchange) -> Iterator[MarketData]:
    policy = RetryPolicy(attempts=2, first_pause=0.01, longest_pause=0.02, jitter=0)
    with MarketData(KEY, exchange.url, retry=policy) as made:
        yield made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Where a table is to be."""
    return tmp_path / "oi"

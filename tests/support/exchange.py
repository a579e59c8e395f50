"""A server whose markets, values and clock a test changes while it runs. The sandbox's own code makes its responses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pytest

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.client.async_client import AsyncMarketData
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import DEFAULT_API_KEY, create_app, running
from allium_market_data.sandbox.answer import ItemText
from allium_market_data.sandbox.source import Source
from allium_market_data.validation import to_instant
from allium_market_data_wire.contract import Operation
from support.strategies import ListHistory

BTC, ETH = "hl:perp:BTC-USDC", "hl:perp:ETH-USDC"
NOW = "2026-05-20T10:20:00Z"
KEY = DEFAULT_API_KEY

Values: TypeAlias = dict[datetime, tuple[Decimal, Decimal]]


class History(ListHistory):
    """Samples that can also be written as JSON items, which the sandbox needs under its default reading."""

    def items_text(self, width: int, span: Any, limit: int, item: ItemText) -> str:
        return item.write(self.last_per_bucket(width, span, limit))


def values_at(instant: int) -> tuple[str, str]:
    """The values at an instant. The first has 18 decimal places, more than a float can hold."""
    step = instant // 60_000_000
    return f"{step % 9973}.{step:018}", f"{step}.5"


@dataclass
class Exchange:
    """Samples by market and instant, in place of the sandbox's own. Samples after ``now`` do not exist yet."""

    now: datetime = field(default_factory=lambda: to_instant(NOW, "now"))
    skew: timedelta = timedelta(0)
    """How far the clients' clock is ahead of the server's."""
    operation: Operation = OPEN_INTEREST.operation
    samples: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)
    is_down: bool = False
    """While true, each connection breaks in the middle of a response."""
    lag: timedelta = timedelta(0)
    """How late samples arrive."""
    arrived: datetime | None = None
    """During an outage of the server's sources: no later sample arrives."""
    app: Any = None
    url: str = ""

    def fill(self, market: str, start: str, end: str, step: int = HOUR) -> None:
        """Add a sample at each ``step`` microseconds with start <= instant < end."""
        history = self.samples.setdefault(market, {})
        for at in range(micros(to_instant(start, "start")), micros(to_instant(end, "end")), step):
            history[at] = values_at(at)

    def put(self, market: str, at: str, base: str, quote: str = "1") -> None:
        """Add or replace one sample."""
        self.samples.setdefault(market, {})[micros(to_instant(at, "at"))] = base, quote

    def remove(self, market: str, at: str) -> None:
        """Remove one sample."""
        del self.samples[market][micros(to_instant(at, "at"))]

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def source(self, market: str) -> Source | None:
        return Source(market, "file", "made by a test", lambda *_: None) if market in self.samples else None

    def history(self, market: str) -> History:
        past = micros(min(self.now - self.lag, self.arrived or self.now))
        return History([(at, *values) for at, values in sorted(self.samples[market].items()) if at < past])

    @property
    def request_count(self) -> int:
        """The number of requests so far."""
        return len(self.app.state.requests)

    def labels(self, start: str, end: str, step: int = HOUR) -> list[datetime]:
        """Every bucket label with start <= label < end."""
        return [from_micros(at) for at in range(micros(to_instant(start, "s")), micros(to_instant(end, "e")), step)]

    def values(self, start: str, end: str, market: str = BTC) -> Values:
        """The values that a table should have, for samples on the hour."""
        history = self.samples[market]
        labels = [label for label in self.labels(start, end) if micros(label) in history]
        return {label: (Decimal(history[micros(label)][0]), Decimal(history[micros(label)][1])) for label in labels}


class Router:
    """ASGI: serves each exchange under a path of its own, so that a late request of one test never reaches the next."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def add(self, base_url: str) -> Exchange:
        """A new exchange, served at once."""
        exchange = Exchange(url=f"{base_url}/{len(self.exchanges)}")
        exchange.app = create_app(exchange)  # type: ignore[arg-type]
        self.exchanges.append(exchange)
        return exchange

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        index, _, path = scope["path"][1:].partition("/")
        exchange = self.exchanges[int(index)]
        if exchange.is_down:
            headers = [(b"content-length", b"100")]  # and no body: the server closes the connection
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            return
        await exchange.app({**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}, receive, send)


@contextmanager
def serve_exchanges() -> Iterator[tuple[Router, str]]:
    """A served router and its base URL."""
    router = Router()
    with running(router) as url:
        yield router, url


@pytest.fixture(scope="session")
def exchange_router() -> Iterator[tuple[Router, str]]:
    with serve_exchanges() as served:
        yield served


@pytest.fixture
def exchange(exchange_router: tuple[Router, str], monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A server without markets. Clients use its clock, and find its address and key in their environment."""
    router, url = exchange_router
    added = router.add(url)
    monkeypatch.setattr(AsyncMarketData, "_clock", staticmethod(lambda: added.now + added.skew))
    monkeypatch.setenv("ALLIUM_API_KEY", KEY)
    monkeypatch.setenv("ALLIUM_BASE_URL", added.url)
    return added


@pytest.fixture
def client(exchange: Exchange) -> Iterator[MarketData]:
    policy = RetryPolicy(attempts=2, first_pause=0.01, longest_pause=0.02, jitter=0)
    with MarketData(KEY, exchange.url, retry=policy) as client:
        yield client

"""A server whose markets, values and clock a test changes while it runs. What it answers is the sandbox's own work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.sandbox import DEFAULT_API_KEY, create_app, running
from allium_market_data.sandbox.answer import ItemText
from allium_market_data.sandbox.instants import label_text
from allium_market_data.sandbox.source import Source
from allium_market_data.validation import to_instant
from support.strategies import ListHistory

BTC, ETH = "hl:perp:BTC-USDC", "hl:perp:ETH-USDC"
NOW = "2026-05-20T10:20:00Z"


class History(ListHistory):
    """Samples that can also be written as items, which the sandbox asks for under its plain reading."""

    def items_text(self, width: int, span: Any, limit: int, item: ItemText) -> str:
        return ",".join(
            f'{item.head}{label_text(ts + item.shift, item.zulu)}","oi_base":"{base}","oi_quote_usd":"{quote}"{item.tail}'
            for ts, base, quote in self.last_per_bucket(width, span, limit)
        )


def amounts(instant: int) -> tuple[str, str]:
    """The values at an instant: exact ones, of 18 places, that no float holds."""
    step = instant // 60_000_000
    return f"{step % 9973}.{step:018}", f"{step}.5"


@dataclass
class Exchange:
    """What the server knows: samples by market and instant. Nothing after ``now`` has happened yet.

    It stands where the sandbox expects its samples.
    """

    now: datetime = field(default_factory=lambda: to_instant(NOW, "now"))
    skew: timedelta = timedelta(0)
    """By how much the clients' clock is ahead of the server's."""
    samples: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)
    app: Any = None
    url: str = ""

    def fill(self, market: str, start: str, end: str, step: int = HOUR) -> None:
        """A sample at each ``step`` microseconds with start <= instant < end."""
        history = self.samples.setdefault(market, {})
        for at in range(micros(to_instant(start, "start")), micros(to_instant(end, "end")), step):
            history[at] = amounts(at)

    def put(self, market: str, at: str, base: str, quote: str = "1") -> None:
        """One sample, or another value of it."""
        self.samples.setdefault(market, {})[micros(to_instant(at, "at"))] = base, quote

    def take(self, market: str, at: str) -> None:
        """The sample never was."""
        del self.samples[market][micros(to_instant(at, "at"))]

    def wait(self, **time: float) -> None:
        """So much time passes, or less than none."""
        self.now += timedelta(**time)

    def source(self, market: str) -> Source | None:
        return Source(market, "file", "made by a test", lambda *_: None) if market in self.samples else None

    def history(self, market: str) -> History:
        past = micros(self.now)
        return History([(at, *values) for at, values in sorted(self.samples[market].items()) if at < past])

    @property
    def asked(self) -> int:
        """How many requests came."""
        return len(self.app.state.requests)

    def labels(self, start: str, end: str, step: int = HOUR) -> list[datetime]:
        """Every boundary with start <= label < end."""
        return [from_micros(at) for at in range(micros(to_instant(start, "s")), micros(to_instant(end, "e")), step)]


@contextmanager
def opened(port: int = 0) -> Iterator[Exchange]:
    """An exchange that is served."""
    exchange = Exchange()
    exchange.app = create_app(exchange)  # type: ignore[arg-type]
    with running(exchange.app, port=port) as exchange.url:
        yield exchange


KEY = DEFAULT_API_KEY

"""Follow markets live: each bucket once it has closed, in order, without a hole; through lost connections too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ..client import MarketData, _market
from ..errors import RateLimitedError, ServerError, TransportError, UsageError
from ..fetch import between
from ..intervals import WIDTHS, Interval, floor
from ..rows import OpenInterest
from ..series import OpenInterestSeries
from ..times import from_micros, micros
from .amend import amend
from .plan import Task
from .spans import by_month
from .table import Table

PASSING = (TransportError, ServerError, RateLimitedError)
"""What a later try may mend."""

PATIENCE = 1_000
"""So many buckets without a row are asked for again each time; a market that is silent for longer has a gap."""

LONGEST_PAUSE = 60.0


@dataclass
class Watch:
    """Markets being followed. ``note`` is told of trouble that passes; ``clock`` and ``sleep`` are for tests.

    A bucket counts as closed ``grace`` seconds after its end: servers need a moment to write it.
    """

    client: MarketData
    markets: list[str]
    interval: Interval
    table: Table | None = None
    provisional: bool = False
    grace: float = 2.0
    note: Callable[[str], None] = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    at: dict[str, int] = field(default_factory=dict)
    shown: dict[str, OpenInterest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.interval not in WIDTHS:
            raise UsageError(f"unknown interval {self.interval!r:.80}: use one of {', '.join(WIDTHS)}")
        self.markets = [_market(market) for market in dict.fromkeys(self.markets)]
        last = self._closed() - self.width
        for market in self.markets:
            end = self.table.coverage.end((self.interval, market)) if self.table else None
            self.at.setdefault(market, last if end is None else min(end, last + self.width))

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]

    def _closed(self) -> int:
        """Up to where buckets are closed, in microseconds."""
        return floor(micros(self.clock()) - int(self.grace * 1e6), self.width)

    def rows(self) -> Iterator[OpenInterest]:
        """Every row as its bucket closes, without end. Of provisional rows, where asked for, each new state."""
        failed = 0
        while True:
            try:
                for market in self.markets:
                    yield from self._look(market)
                failed = 0
                self.sleep(self._pause())
            except PASSING as error:
                failed += 1
                pause = min(2.0 ** (failed - 1), LONGEST_PAUSE)
                self.note(f"{error}; trying again in {pause:g} s, from where it broke off")
                self.sleep(pause)

    def _pause(self) -> float:
        """Seconds to the next moment at which a bucket counts as closed."""
        moment = micros(self.clock()) - int(self.grace * 1e6)
        left = (self.width - moment % self.width) / 1e6
        return min(left, 10.0) if self.provisional else left

    def _look(self, market: str) -> Iterator[OpenInterest]:
        start, closed = self.at[market], self._closed()
        stop = max(closed, start) + (self.width if self.provisional else 0)
        if start >= stop:
            return
        series = self.client.open_interest(
            market, interval=self.interval, start=from_micros(start), end=from_micros(stop)
        )
        final = [row for row in series if not row.provisional and micros(row.ts) < closed]
        reached = micros(final[-1].ts) + self.width if final else start
        if self.table:
            self._write(self.table, market, (start, reached), series)
        self.at[market] = max(reached, closed - PATIENCE * self.width)
        yield from final
        for row in series.provisional:
            if self.provisional and self.shown.get(market) != row:
                self.shown[market] = row
                yield row

    def _write(self, table: Table, market: str, span: tuple[int, int], series: OpenInterestSeries) -> None:
        """Into the table before it is handed on: what was shown is kept."""
        last = micros(series[-1].ts) + self.width if self.provisional and series else span[1]
        for start, end in by_month((span[0], max(span[1], last))):
            first, stop = from_micros(start), from_micros(end)
            whole = replace(series, columns=between(series.columns, first, stop), start=first, end=stop)
            amend(table, Task((self.interval, market), (start, end)), whole)

"""Follow markets live: each bucket once it has closed, in order, without a hole; through lost connections too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..client.async_client import AsyncMarketData
from ..client.fetch import between
from ..client.sync_client import MarketData
from ..errors import AlliumError, NotFoundError, RateLimitedError, ServerError, TransportError, UsageError
from ..model.intervals import WIDTHS, Interval, floor
from ..model.rows import OpenInterest
from ..model.times import from_micros, micros, to_iso
from ..series.series import OpenInterestSeries
from ..validation import check_market
from .fetch import check_clock, fetch, now
from .merge import Look, amend
from .plan import Task
from .spans import by_month
from .table import Table

PASSING = (TransportError, ServerError, RateLimitedError)
"""What a later try may mend."""

PATIENCE = 1_000
"""So many buckets without a row are asked for again each time; a market that is silent for longer has a gap."""

LONGEST_PAUSE = 60.0


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@dataclass
class Watch:
    """Markets being followed. ``note`` is told of trouble that passes; ``sleep`` is for tests.

    A bucket counts as closed ``grace`` seconds after its end, by the client's clock: servers need a moment to write it.
    With a ``table``, every row is committed before it is handed on, and following begins where the table ends.
    """

    client: MarketData
    markets: list[str]
    interval: Interval
    table: Table | None = None
    provisional: bool = False
    grace: float = 2.0
    note: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = _sleep
    at: dict[str, int] = field(default_factory=dict)
    """Up to where each market is settled, in microseconds."""
    shown: dict[str, OpenInterest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.interval not in WIDTHS:
            raise UsageError(f"unknown interval {self.interval!r:.80}: use one of {', '.join(WIDTHS)}")
        self.markets = [check_market(market) for market in dict.fromkeys(self.markets)]
        self.latest = self._closed()
        for market in self.markets:
            end = self.table.coverage.end((self.interval, market)) if self.table else None
            self.at.setdefault(market, self.latest - self.width if end is None else min(end, self.latest))

    @property
    def width(self) -> int:
        """The width of a bucket in microseconds."""
        return WIDTHS[self.interval]

    def _moment(self) -> int:
        """The client's clock less the grace, in microseconds."""
        return micros(self.client.call(now)) - int(self.grace * 1e6)

    def _closed(self) -> int:
        """Up to where buckets are closed, in microseconds. Raises ``StoreError`` for a clock behind the table's rows."""
        if self.table:
            check_clock(self.client.call(now), self.table.coverage, self.table.uri)
        return floor(self._moment(), self.width)

    def rows(self) -> Iterator[OpenInterest]:
        """Every row as its bucket closes, without end. Of provisional rows, where asked for, each new state.

        Connections that break, and servers that fail for a while, are asked again for as long as it takes. A market that
        the server does not know any more is let go, and is raised when none is left. Other errors are raised.
        """
        failed = 0
        while True:
            found, failures = self._look()
            yield from self._settle(found)
            self._judge(failures)
            failed = failed + 1 if failures else 0
            pause = self._pause()
            if failures:
                pause = min(2.0 ** (failed - 1), LONGEST_PAUSE)
                self.note(f"{next(iter(failures.values()))}; trying again in {pause:g} s, from where it broke off")
            self.sleep(pause)

    def _judge(self, failures: dict[str, AlliumError]) -> None:
        """Raise what no later try mends; let go of markets that are gone."""
        for market, error in list(failures.items()):
            if isinstance(error, NotFoundError):
                self.markets.remove(market)
                del failures[market]
                self.note(f"{error}; it is not followed any longer")
                if self.markets:
                    continue
            elif isinstance(error, PASSING):
                continue
            raise error

    def _pause(self) -> float:
        """Seconds to the next moment at which a bucket counts as closed."""
        left = (self.width - self._moment() % self.width) / 1e6
        return min(left, 10.0) if self.provisional else left

    def _look(self) -> tuple[dict[str, OpenInterestSeries], dict[str, AlliumError]]:
        """What is new of each market, and what went wrong with others."""
        closed = self._closed()
        if closed < self.latest:
            self.note(
                f"the clock went back from {to_iso(from_micros(self.latest))} or later; waiting until it is there again"
            )
        self.latest = closed
        spans = {market: (self.at[market], self._stop(market)) for market in self.markets}
        spans = {market: span for market, span in spans.items() if span[0] < span[1]}

        async def ask(client: AsyncMarketData, market: str) -> OpenInterestSeries | AlliumError:
            try:
                return await fetch(client, Task((self.interval, market), spans[market]))
            except AlliumError as error:
                return error

        async def ask_all(client: AsyncMarketData) -> list[OpenInterestSeries | AlliumError]:
            return await asyncio.gather(*(ask(client, market) for market in spans))

        answers = dict(zip(spans, self.client.call(ask_all), strict=True))
        found = {market: one for market, one in answers.items() if isinstance(one, OpenInterestSeries)}
        return found, {market: one for market, one in answers.items() if isinstance(one, AlliumError)}

    def _stop(self, market: str) -> int:
        return max(self.latest, self.at[market]) + (self.width if self.provisional else 0)

    def _settle(self, found: dict[str, OpenInterestSeries]) -> Iterator[OpenInterest]:
        """Commit what is new, then hand it on: what was shown is kept."""
        reached = {market: self._reached(market, series) for market, series in found.items()}
        if self.table:
            amend(self.table, [look for market in found for look in self._looks(found[market], reached[market])])
        for market, series in found.items():
            self.at[market] = reached[market]
            for row in series:
                if not row.provisional and micros(row.ts) < reached[market]:
                    yield row
                elif row.provisional and self.provisional and self.shown.get(market) != row:
                    self.shown[market] = row
                    yield row

    def _reached(self, market: str, series: OpenInterestSeries) -> int:
        """Up to where a market is settled: behind its last closed row. What has no row yet is asked for again."""
        closed = [ts for ts, flag in zip(series.columns.ts, series.columns.provisional, strict=True) if not flag]
        last = max((micros(ts) + self.width for ts in closed if micros(ts) < self.latest), default=self.at[market])
        return max(last, self.latest - PATIENCE * self.width, self.at[market])

    def _looks(self, series: OpenInterestSeries, reached: int) -> Iterable[Look]:
        """The series as the table takes it in, month by month."""
        start, end = self.at[series.market_id], reached
        if self.provisional and series:
            end = max(end, micros(series.columns.ts[-1]) + self.width)
        for first, stop in by_month((start, end)):
            since, until = from_micros(first), from_micros(stop)
            part = replace(series, columns=between(series.columns, since, until), start=since, end=until)
            yield Look.of(Task((self.interval, series.market_id), (first, stop)), part, min(stop, max(first, reached)))

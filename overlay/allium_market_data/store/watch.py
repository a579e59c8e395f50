"""Follow markets live: each bucket once it has closed, in order and without gaps, even through lost connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeAlias

from ..client.fetch import between
from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData, run_on_loop
from ..errors import AlliumError, RateLimitedError, RefusedError, ServerError, TransportError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval, floor
from ..model.rows import OpenInterest
from ..model.times import from_micros, micros, to_iso
from ..series.generic import Series
from ..validation import check_choice, check_market
from .compaction import limit_files
from .coverage import SeriesKey
from .failures import is_of_market
from .fetch import check_clock, fetch_confirmed, read_clock
from .known_rows import KnownRows
from .log_cleanup import limit_log
from .merge import FetchedRows, merge_rows
from .plan import Task
from .spans import split_by_month
from .table import Table

TRANSIENT_ERRORS = (TransportError, ServerError, RateLimitedError)
"""Errors that a later attempt may not meet."""

MAX_PAUSE = 60.0

TICKS_PER_MERGE = 5
"""One tick in this many merges small files, of the markets that have the most. Every commit costs time for each file."""

MERGE_PERIOD = 60
"""Within this number of ticks every market has its turn, so its month has about as many small files at most."""

MIN_SMALL_FILES = 8
"""A month with no more small files than this is not merged."""

Fetched: TypeAlias = dict[str, tuple[Series[Any], int]]
"""Of each market the rows from the end of its settled ones, and the end of those that are confirmed, in microseconds."""

Row: TypeAlias = tuple[Any, ...]
"""The label and the values of a row."""

Failures: TypeAlias = dict[str, AlliumError]


def months_per_merge(markets: int) -> int:
    """The number of months that one merge takes, so that every market has its turn within ``MERGE_PERIOD`` ticks."""
    return -(-markets * TICKS_PER_MERGE // MERGE_PERIOD)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@dataclass
class Watch:
    """Follows markets. ``warn`` gets a message for each transient problem; ``sleep`` lets a test replace the wait.

    A bucket counts as closed ``grace`` seconds after its end by the client's clock, because a server needs a moment to write
    it. With a ``table``, every row is committed before it is yielded, and the first row is the one after the table's last.
    Its window is complete once a later row confirms it; a bucket without a row counts as empty once a later row is there
    or it is ``settle`` old, as in ``update``.
    """

    client: MarketData
    markets: list[str]
    interval: Interval
    table: Table | None = None
    provisional: bool = False
    grace: float = 2.0
    warn: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = _sleep
    settled: dict[str, int] = field(default_factory=dict)
    """Of each market, the end of the buckets that need no more requests, in microseconds."""
    newest: dict[str, Row] = field(default_factory=dict)
    """Of each market, the row that was yielded although no later row confirms it."""
    known: KnownRows = field(default_factory=KnownRows)
    ticks: int = 0
    """The number of commits to the table so far."""
    last_provisional: dict[str, OpenInterest] = field(default_factory=dict)
    endpoint: Endpoint = OPEN_INTEREST
    """The source of the rows; that of the table, if there is one."""
    settle: timedelta | None = None

    def __post_init__(self) -> None:
        self.endpoint = self.table.endpoint if self.table else self.endpoint
        check_choice("interval", self.interval, self.endpoint.operation.intervals)
        self.markets = [check_market(market) for market in dict.fromkeys(self.markets)]
        self.width = WIDTHS[self.interval]
        self.closed = self._closed_until()
        for market in self.markets:
            end = self.table.coverage.end_of((self.interval, market)) if self.table else None
            self.settled.setdefault(market, self.closed - self.width if end is None else min(end, self.closed))
            if self.table and (open_row := stored_open_row(self.table, (self.interval, market), end or 0)):
                self.newest[market] = open_row

    def rows(self) -> Iterator[OpenInterest]:
        """Every row once its bucket has closed, without end. With ``provisional``, also each new state of the running one.

        The newest row may be a part of its bucket: if it has changed when a later row confirms it, it is yielded again.

        After a lost connection or an error of the server, it tries again for as long as it takes. A market that the server
        refuses (404, 422) is dropped, and its error is raised when no market is left. Other errors are raised.
        """
        failed = 0
        while True:
            fetched, failures = self._fetch()
            yield from self._accept(fetched)
            self._handle(failures)
            failed = failed + 1 if failures else 0
            pause = self._seconds_to_next()
            if failures:
                pause = min(2.0 ** (failed - 1), MAX_PAUSE)
                self.warn(f"{next(iter(failures.values()))}; trying again in {pause:g} s, no bucket is skipped")
            self.sleep(pause)

    def _now(self) -> int:
        """The client's clock minus the grace period, in microseconds."""
        return micros(run_on_loop(self.client, read_clock)) - int(self.grace * 1e6)

    def _closed_until(self) -> int:
        """The end of the closed buckets, in microseconds. Raises ``StoreError`` for a clock behind the table's rows."""
        if self.table:
            check_clock(run_on_loop(self.client, read_clock), self.table.coverage, self.table.uri)
        return floor(self._now(), self.width)

    def _seconds_to_next(self) -> float:
        """Seconds until the next bucket counts as closed; less if the running one is of interest too."""
        left = (self.width - self._now() % self.width) / 1e6
        return min(left, 10.0) if self.provisional else left

    def _handle(self, failures: Failures) -> None:
        """Raise permanent errors, and drop markets that the server refuses."""
        for market, error in list(failures.items()):
            if isinstance(error, RefusedError) and is_of_market(error):
                self.markets.remove(market)
                del failures[market]
                self.warn(f"{error}; this market is no longer followed")
                if self.markets:
                    continue
            elif isinstance(error, TRANSIENT_ERRORS):
                continue
            raise error

    def _fetch(self) -> tuple[Fetched, Failures]:
        """The new rows of each market, and the errors of the others."""
        closed = self._closed_until()
        if closed < self.closed:
            self.warn(f"the clock went back to before {to_iso(from_micros(self.closed))}; waiting for that time")
        self.closed = closed
        spans = {market: (self.settled[market], self._requested_until(market)) for market in self.markets}
        spans = {market: span for market, span in spans.items() if span[0] < span[1]}

        async def fetch(client: LoopClient, market: str) -> tuple[Series[Any], int] | AlliumError:
            try:
                task = Task((self.interval, market), spans[market], self.endpoint)
                return await fetch_confirmed(client, task, self.settle, running=False)
            except AlliumError as error:
                return error

        async def fetch_all(client: LoopClient) -> list[tuple[Series[Any], int] | AlliumError]:
            return await asyncio.gather(*(fetch(client, market) for market in spans))

        results = dict(zip(spans, run_on_loop(self.client, fetch_all), strict=True))
        fetched = {market: result for market, result in results.items() if not isinstance(result, AlliumError)}
        return fetched, {market: result for market, result in results.items() if isinstance(result, AlliumError)}

    def _requested_until(self, market: str) -> int:
        return max(self.closed, self.settled[market]) + (self.width if self.provisional else 0)

    def _accept(self, fetched: Fetched) -> Iterator[OpenInterest]:
        """Commit the new rows, then yield those that were not yielded before."""
        settled = {market: self._settled_by(market, confirmed) for market, (_, confirmed) in fetched.items()}
        if self.table:
            parts = [rows for market, (series, _) in fetched.items() for rows in self._split(series, settled[market])]
            self._commit(self.table, parts)
        for market, (series, _) in fetched.items():
            self.settled[market], before = settled[market], self.newest.pop(market, None)
            for row in series:
                if not row.provisional and micros(row.ts) < self.closed:
                    if micros(row.ts) >= settled[market]:
                        self.newest[market] = row_of(row, self.endpoint)
                    if row_of(row, self.endpoint) != before:
                        yield row
                elif row.provisional and self.provisional and self.last_provisional.get(market) != row:
                    self.last_provisional[market] = row
                    yield row

    def _commit(self, table: Table, parts: list[FetchedRows]) -> None:
        """Write the rows. Every few ticks, also merge small files, and delete old ones of the log."""
        version = table.log.version
        merge_rows(table, parts, self.known)
        self.ticks += 1
        if self.ticks % TICKS_PER_MERGE == 0:
            limit_files(table, MIN_SMALL_FILES, months_per_merge(len(self.markets)))
        limit_log(table, version)

    def _settled_by(self, market: str, confirmed: int) -> int:
        """The end of the closed buckets that need no more requests. Those after it are requested again."""
        return max(min(confirmed, self.closed), self.settled[market])

    def _split(self, series: Series[Any], settled: int) -> Iterator[FetchedRows]:
        """The series by month, as the table takes it. Rows of buckets that are not settled are stored, and stay open."""
        start, end = self.settled[series.market_id], settled
        if series:
            end = max(end, micros(series.columns.ts[-1]) + self.width)
        for first, stop in split_by_month((start, end)):
            since, until = from_micros(first), from_micros(stop)
            part = replace(series, columns=between(series.columns, since, until), start=since, end=until)
            rows = FetchedRows.of(Task((self.interval, series.market_id), (first, stop), self.endpoint), part)
            labels = tuple(label for label in map(micros, part.columns.ts) if label >= settled)
            yield replace(rows, closed_until=min(stop, max(first, settled)), provisional=labels)


def row_of(row: OpenInterest, endpoint: Endpoint) -> Row:
    """The label and the values of a row."""
    return row.ts, *(getattr(row, name) for name in endpoint.columns)


def stored_open_row(table: Table, key: SeriesKey, end: int) -> Row | None:
    """The closed row after the complete windows of a series, which an earlier watch has yielded."""
    labels = [label for label in table.coverage.provisional.get(key, ()) if label >= end]
    if not labels:
        return None
    rows = next(table.read_rows([(key, (labels[0], labels[0] + WIDTHS[key[0]]))])).to_pylist()
    return next(
        ((row["ts"], *(row[name] for name in table.endpoint.columns)) for row in rows if not row["provisional"]), None
    )

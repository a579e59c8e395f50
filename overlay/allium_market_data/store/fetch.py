"""From a task to the piece of a table that it becomes, through the client's complete fetch."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from ..client.async_client import AsyncMarketData
from ..client.fetch import between
from ..client.sync_client import MarketData
from ..errors import BudgetError, StoreError
from ..model.times import from_micros, micros, to_iso
from ..series.series import OpenInterestSeries
from . import schema
from .coverage import Coverage
from .plan import Task
from .table import Piece

SKEW = 600_000_000
"""Microseconds by which the clocks of two machines that write one table may differ."""


@dataclass
class Budget:
    """How many requests may be sent; ``None`` is as many as it takes. Retries and second looks count."""

    most: int | None = None
    spent: int = 0
    promised: int = field(default=0)
    """Requests that tasks under way are expected to take."""

    def has_room(self, requests: int) -> bool:
        """Whether a task of so many requests may begin."""
        return self.most is None or self.spent + self.promised + requests <= self.most

    async def toll(self) -> None:
        """Count a request that is about to be sent. Raises ``BudgetError`` where it is one too many."""
        if self.most is not None and self.spent >= self.most:
            raise exhausted(self.most)
        self.spent += 1


def exhausted(most: int) -> BudgetError:
    """The error for a spent budget."""
    return BudgetError(
        f"{most:,} requests are spent (max_requests): what is whole was committed, the same call goes on"
    )


def check_clock(now: datetime, coverage: Coverage, uri: str) -> None:
    """Raise ``StoreError`` when this machine's clock stands well before the newest rows: then it lies, or it lied."""
    if micros(now) < coverage.fetched_at - SKEW:
        raise StoreError(
            f"this machine's clock says {to_iso(now)}, but {uri} has rows fetched at "
            f"{to_iso(from_micros(coverage.fetched_at))}: set the clock; nothing was written"
        )


def check_ahead(now: datetime, server: datetime | None) -> None:
    """Raise ``StoreError`` when this machine's clock is well ahead of the server's: open buckets would count as over."""
    if server is not None and micros(now) > micros(server) + SKEW:
        raise StoreError(
            f"this machine's clock says {to_iso(now)}, the server's {to_iso(server)}: set the clock; "
            "nothing of this window was written"
        )


async def fetch(client: AsyncMarketData, task: Task) -> OpenInterestSeries:
    """The task's rows, complete, or the error that says why not; a clock that is ahead of the server's is one."""
    interval, market = task.series
    start, end = map(from_micros, task.span)
    series = await client.open_interest(market, interval=interval, start=start, end=end)
    check_ahead(client.now(), client.server_time())
    return series


def piece(task: Task, series: OpenInterestSeries) -> Piece:
    """What of an answer is complete: everything before its first provisional row. Raises ``PrecisionError``.

    A row is provisional here only when the clock was set back during the fetch.
    """
    interval, market = task.series
    stop = task.closed_until(series.columns)
    rows = between(series.columns, from_micros(task.span[0]), from_micros(stop))
    fetched = micros(series.provenance.finished)
    table = schema.rows_table(market, interval, rows, fetched, series.provenance.specification)
    return Piece(task.series, (task.span[0], stop), table, fetched, series.provenance.requests)


async def fetch_piece(client: AsyncMarketData, task: Task) -> Piece:
    """Fetch a task, and make of it what is to be committed."""
    series = await fetch(client, task)
    return await asyncio.to_thread(piece, task, series)


def opened(client: MarketData | None) -> AbstractContextManager[MarketData]:
    """The caller's client, which stays open; or one of the environment's settings, closed at the end of the block."""
    return MarketData() if client is None else nullcontext(client)


async def now(inner: AsyncMarketData) -> datetime:
    """The client's clock."""
    return inner.now()

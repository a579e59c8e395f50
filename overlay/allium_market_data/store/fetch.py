"""Fetching one task through the client, within a budget of requests and with a clock that can be trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..client.fetch import between
from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData
from ..counts import counted
from ..errors import BudgetError, StoreError, UsageError
from ..model.intervals import DAY, WIDTHS, Interval, floor
from ..model.times import from_micros, micros, to_iso
from ..series.generic import Series
from . import schema
from .coverage import Coverage
from .plan import Task
from .spans import Span
from .table import Batch

MAX_CLOCK_DIFFERENCE = 600_000_000
"""Microseconds by which the clocks of two machines may differ."""


@dataclass
class Budget:
    """The number of requests that a run may send, retries included; ``None`` is unlimited."""

    limit: int | None = None
    spent: int = 0
    reserved: int = 0
    """Requests that the running tasks are expected to take."""

    @property
    def left(self) -> int | None:
        """The number of requests that may still be sent; ``None`` is unlimited."""
        return None if self.limit is None else self.limit - self.spent

    def has_room(self, requests: int) -> bool:
        """True if a task that takes this many requests may start."""
        return self.limit is None or self.spent + self.reserved + requests <= self.limit

    async def spend(self) -> None:
        """Count a request before it is sent. Raises ``BudgetError`` if the budget is used up."""
        if self.limit is not None and self.spent >= self.limit:
            raise budget_error(self.limit)
        self.spent += 1


def budget_error(limit: int, task: Task | None = None) -> BudgetError:
    """The error of a run whose budget is used up, or too small for ``task`` alone."""
    if task is not None and task.requests > limit:
        return BudgetError(
            f"the budget of {counted(limit, 'request')} (max_requests) is too small: "
            f"{task} alone needs {task.requests:,}; allow more"
        )
    return BudgetError(
        f"the budget of {counted(limit, 'request')} (max_requests) is used up; complete windows are committed, "
        "and the same call resumes"
    )


def check_clock(now: datetime, coverage: Coverage, uri: str) -> None:
    """Raise ``StoreError`` if this machine's clock is well before the newest rows: it is wrong, or it was."""
    if micros(now) < coverage.fetched_at - MAX_CLOCK_DIFFERENCE:
        raise StoreError(
            f"this machine's clock says {to_iso(now)}, but {uri} has rows fetched at "
            f"{to_iso(from_micros(coverage.fetched_at))}: set the clock; nothing was written"
        )


def check_server_clock(now: datetime, server: datetime | None) -> None:
    """Raise ``StoreError`` if this machine's clock is well ahead of the server's: open buckets would count as closed."""
    if server is not None and micros(now) > micros(server) + MAX_CLOCK_DIFFERENCE:
        raise StoreError(
            f"this machine's clock says {to_iso(now)}, the server's {to_iso(server)}: set the clock; "
            "nothing of this window was written"
        )


async def fetch_series(client: LoopClient, task: Task) -> Series[Any]:
    """The task's rows, complete. Raises as a fetch does, and ``StoreError`` for a clock ahead of the server's."""
    interval, market = task.key
    start, end = map(from_micros, task.span)
    series = await client.series(task.endpoint, market, interval, start, end)
    check_server_clock(client.now(), client.server_time())
    return series


def settle_time(interval: Interval, settle: timedelta | None) -> int:
    """``settle`` in microseconds; by default 4 days, or 4 buckets where those are longer. Raises ``UsageError``."""
    if settle is None:
        return max(4 * DAY, 4 * WIDTHS[interval])
    if settle < timedelta(0):
        raise UsageError(f"settle must not be negative: {settle}")
    return settle // timedelta(microseconds=1)


def confirmed_until(span: Span, labels: Sequence[datetime], settled: int) -> int:
    """The end of the buckets of ``span`` that are final: those before a later row, and those before ``settled``.

    A server may be late, so at the live edge a bucket without a row is not yet known to be empty, and the newest row may
    still be a part of its bucket.
    """
    newest = micros(labels[-1]) if labels else span[0]
    return min(span[1], max(span[0], newest, settled))


async def fetch_confirmed(
    client: LoopClient, task: Task, settle: timedelta | None = None, *, running: bool = True
) -> tuple[Series[Any], int]:
    """The task's rows, and the end of those that are confirmed.

    With ``running``, near the live edge the running bucket is requested too, because its row confirms the one before.
    Only the server's clock can settle a bucket without a row: this machine's may be wrong.
    """
    width, now, settling = WIDTHS[task.key[0]], micros(client.now()), settle_time(task.key[0], settle)
    start, end = task.span
    stop = max(end, floor(now, width) + width) if running and end > now - settling else end
    series = await fetch_series(client, replace(task, span=(start, stop)))
    server = client.server_time()
    settled = floor(min(now, micros(server)) - settling, width) if server else 0
    confirmed = confirmed_until(task.span, series.columns.ts, settled)
    columns = between(series.columns, from_micros(start), from_micros(end))
    return replace(series, columns=columns, start=from_micros(start), end=from_micros(end)), confirmed


def make_batch(task: Task, series: Series[Any], confirmed: int | None = None) -> Batch:
    """The rows before ``confirmed`` and before the first provisional one. Raises ``PrecisionError``."""
    stop = task.closed_until(series.columns)
    stop = stop if confirmed is None else min(stop, confirmed)
    columns = between(series.columns, from_micros(task.span[0]), from_micros(stop))
    fetched = micros(series.provenance.finished)
    rows = schema.rows_table(replace(series, columns=columns), fetched)
    return Batch(task.key, (task.span[0], stop), rows, fetched, series.provenance.requests)


async def fetch_batch(client: LoopClient, task: Task, settle: timedelta | None = None) -> Batch:
    """Fetch a task as a batch to commit."""
    series, confirmed = await fetch_confirmed(client, task, settle)
    return await asyncio.to_thread(make_batch, task, series, confirmed)


def use_client(client: MarketData | None) -> AbstractContextManager[MarketData]:
    """The caller's client, left open at the end of the block; or a new one from the environment, closed at the end."""
    return MarketData() if client is None else nullcontext(client)


async def read_clock(client: LoopClient) -> datetime:
    """The client's clock."""
    return client.now()

"""The fetch loop: request every window of a plan, refetch what may have been truncated, and yield the rows in order.

A server may truncate a response at either end without saying so. A missing bucket counts as a gap in the data only if one
response has rows on both sides of it, or if a second request for it brings nothing new.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..counts import counted
from ..errors import ErrorContext, IncompleteError
from ..model.rows import Columns
from ..model.timestamps import count_before
from ..model.windows import Plan, Window
from .decode import Page

FetchPage = Callable[[Window], Coroutine[Any, Any, Page]]
"""Requests one window and returns its checked page, or raises."""


@dataclass
class Watermark:
    """How far a series is complete: every bucket before ``settled`` is either a row or a gap in the data."""

    settled: datetime
    width: timedelta

    def add(self, window: Window, rows: Columns) -> tuple[datetime, Columns]:
        """Add the rows of the next window. Returns the end of the span to refetch before them, and the rows to yield."""
        if not rows:
            return self.settled, rows
        complete_from = max(rows.ts[0], window.start + self.width)  # the first bucket may lie partly outside the window
        start = max(self.settled, complete_from)
        self.settled = max(self.settled, min(rows.ts[-1] + self.width, window.end))
        return min(start, window.end), between(rows, start, window.end)


def between(rows: Columns, start: datetime, end: datetime) -> Columns:
    """The rows with start <= ts < end."""
    first, stop = (count_before(rows.ts, edge) for edge in (start, end))
    return rows[first:stop]


@dataclass
class FetchLoop:
    """One market over one plan. ``ahead`` bounds how many windows are in flight or wait to be used."""

    plan: Plan
    fetch_page: FetchPage
    ahead: int
    unknown_fields: Counter[str] = field(default_factory=Counter)
    max_rows: int = 0
    """The most rows of any page so far. A row cap of the server cannot be lower."""
    done: int = 0
    """The windows of the plan whose rows have been yielded."""

    async def pages(self) -> AsyncGenerator[Columns, None]:
        """The rows, ascending and each once, in pages of at most one response."""
        watermark = Watermark(self.plan.first_bucket, self.plan.bucket)
        async with aclosing(in_order(self.plan, self._fetch_page, self.ahead)) as pages:
            async for window, page in pages:
                before = watermark.settled
                start, rows = watermark.add(window, page.rows)
                async for part in self._refetch(before, start):
                    yield part
                self.done += 1
                if rows:
                    yield rows
        async for part in self._refetch(watermark.settled, self.plan.stop_bucket):
            yield part

    async def _fetch_page(self, window: Window) -> Page:
        page = await self.fetch_page(window)
        self.unknown_fields.update(page.unknown_fields)
        self.max_rows = max(self.max_rows, len(page.rows))
        return page

    async def _refetch(self, start: datetime, end: datetime) -> AsyncGenerator[Columns, None]:
        """Request the buckets with start <= ts < end again, and what is still missing as long as that brings new rows."""
        if start >= end:
            return
        plan = self.plan.part(start, end)
        async with aclosing(in_order(plan, self._fetch_page, self.ahead)) as pages:
            async for window, page in pages:
                rows = between(page.rows, window.first, window.end)
                if not rows:
                    await self._confirm_gap(window, page.rows)
                    continue
                async for part in self._refetch(window.first, rows.ts[0]):
                    yield part
                yield rows
                async for part in self._refetch(rows.ts[-1] + self.plan.bucket, window.end):
                    yield part

    async def _confirm_gap(self, window: Window, outside: Columns) -> None:
        """Make sure that the rows outside the window did not use up a tiny row cap, by a request that excludes them."""
        if len(outside) < self.max_rows or not outside:
            return
        edge = timedelta(microseconds=1)  # an unaligned end excludes the next bucket, even if ends are inclusive
        for shift in (timedelta(0), self.plan.bucket):  # a label may be the start of its bucket, or its end
            start = window.first - shift
            page = await self._fetch_page(Window(start, start, window.end - shift - edge))
            if between(page.rows, window.first, window.end):
                raise IncompleteError(
                    f"the server caps responses at {counted(self.max_rows, 'row')}, "
                    "too few to tell a gap in the data from truncation",
                    ErrorContext(window=window),
                )


async def in_order(
    windows: Iterable[Window], fetch_page: FetchPage, ahead: int
) -> AsyncGenerator[tuple[Window, Page], None]:
    """Each window with its page, in order, while up to ``ahead`` of them are in flight or wait to be used.

    The first failure of any window cancels the others and is raised at once.
    """
    waiting: deque[tuple[Window, asyncio.Task[Page]]] = deque()
    remaining = iter(windows)
    try:
        while True:
            while len(waiting) < ahead and (window := next(remaining, None)) is not None:
                waiting.append((window, asyncio.create_task(fetch_page(window))))
            if not waiting:
                return
            await _wait_for_first(waiting)
            window, task = waiting.popleft()
            yield window, task.result()
    finally:
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def _wait_for_first(waiting: deque[tuple[Window, asyncio.Task[Page]]]) -> None:
    """Wait for the first page. Raises the failure of any window that fails before."""
    while not waiting[0][1].done():
        await asyncio.wait([task for _, task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        for _, task in waiting:
            if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

"""The one fetch loop: ask every window of a plan, believe no short answer, and hand the rows on in order.

A missing bucket is believed missing when one answer shows rows on both sides of it, or when a second question about it
brings nothing new. Everything else is asked for again: a server may cut an answer short without saying so, at either end.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..errors import ErrorContext, IncompleteError
from ..model.rows import Columns
from ..model.timestamps import count_before
from ..model.windows import Plan, Window
from .decode import Page

Ask = Callable[[Window], Coroutine[Any, Any, Page]]
"""Asks one window and gives its checked answer, or raises."""


@dataclass
class Watermark:
    """Which buckets are settled: everything before ``settled`` is known, be it as a row or as believed missing. Pure."""

    settled: datetime
    width: timedelta

    def add(self, window: Window, rows: Columns) -> tuple[datetime, Columns]:
        """Take the next answer: up to where must be looked again before its rows follow, and the rows that it settles."""
        if not rows:
            return self.settled, rows
        whole_from = max(rows.ts[0], window.start + self.width)  # the bucket at the window's edge may be cut
        start = max(self.settled, whole_from)
        self.settled = max(self.settled, min(rows.ts[-1] + self.width, window.end))
        return min(start, window.end), between(rows, start, window.end)


def between(rows: Columns, start: datetime, end: datetime) -> Columns:
    """The rows with start <= ts < end."""
    first, stop = (count_before(rows.ts, edge) for edge in (start, end))
    return rows[first:stop]


@dataclass
class FetchLoop:
    """One market over one plan. ``ahead`` bounds how many windows are asked, or wait to be used, at a time."""

    plan: Plan
    ask: Ask
    ahead: int
    unknown: Counter[str] = field(default_factory=Counter)
    most: int = 0
    """The most rows that any answer had so far: a fixed cap on rows cannot be lower."""

    async def pages(self) -> AsyncGenerator[Columns, None]:
        """The rows, ascending and each once, in pages of at most one answer."""
        watermark = Watermark(self.plan.first_bucket, self.plan.bucket)
        async with aclosing(in_order(self.plan, self._ask, self.ahead)) as answers:
            async for window, answer in answers:
                before = watermark.settled
                start, rows = watermark.add(window, answer.rows)
                async for page in self._refetch(before, start):
                    yield page
                if rows:
                    yield rows
        async for page in self._refetch(watermark.settled, self.plan.stop_bucket):
            yield page

    async def _ask(self, window: Window) -> Page:
        answer = await self.ask(window)
        self.unknown.update(answer.unknown)
        self.most = max(self.most, len(answer.rows))
        return answer

    async def _refetch(self, start: datetime, end: datetime) -> AsyncGenerator[Columns, None]:
        """A second look at the buckets with start <= ts < end, and another as long as looking brings something new."""
        if start >= end:
            return
        plan = self.plan.part(start, end)
        async with aclosing(in_order(plan, self._ask, self.ahead)) as answers:
            async for window, answer in answers:
                rows = between(answer.rows, window.first, window.end)
                if not rows:
                    await self._confirm_gap(window, answer.rows)
                    continue
                async for page in self._refetch(window.first, rows.ts[0]):
                    yield page
                yield rows
                async for page in self._refetch(rows.ts[-1] + self.plan.bucket, window.end):
                    yield page

    async def _confirm_gap(self, window: Window, neighbours: Columns) -> None:
        """Make sure that neighbouring rows did not use up a tiny cap on rows, by asking so that they stay out."""
        if len(neighbours) < self.most or not neighbours:
            return
        edge = timedelta(microseconds=1)  # an unaligned end keeps the bucket behind it out, even if ends are inclusive
        for back in (timedelta(0), self.plan.bucket):  # labels that name the start of a bucket, or its end
            start = window.first - back
            answer = await self._ask(Window(start, start, window.end - back - edge))
            if between(answer.rows, window.first, window.end):
                raise IncompleteError(
                    f"the server hands out at most {self.most} rows an answer, too few to tell a gap from a cut",
                    ErrorContext(window=window),
                )


async def in_order(windows: Iterable[Window], ask: Ask, ahead: int) -> AsyncGenerator[tuple[Window, Page], None]:
    """Each window with its answer, in order, while up to ``ahead`` of them are under way or wait.

    The first failure, of whichever window, ends the others and is raised at once.
    """
    waiting: deque[tuple[Window, asyncio.Task[Page]]] = deque()
    left = iter(windows)
    try:
        while True:
            while len(waiting) < ahead and (window := next(left, None)) is not None:
                waiting.append((window, asyncio.create_task(ask(window))))
            if not waiting:
                return
            await _first(waiting)
            window, task = waiting.popleft()
            yield window, task.result()
    finally:
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def _first(waiting: deque[tuple[Window, asyncio.Task[Page]]]) -> None:
    """Wait until the first in the row is there; raise the failure of any other that fails before."""
    while not waiting[0][1].done():
        await asyncio.wait([task for _, task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        for _, task in waiting:
            if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

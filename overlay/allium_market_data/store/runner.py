"""A run over many tasks: fetched a few at a time, landed in commits of a sensible size, with a budget and a report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from ..client.async_client import AsyncMarketData
from ..client.sync_client import MarketData
from ..errors import AlliumError, FetchError, NotFoundError, UsageError
from .fetch import Budget, exhausted
from .plan import Task

P = TypeVar("P", bound=Sized)
"""What a fetch of a task brings; its length is its rows."""

COMMIT_ROWS = 200_000
COMMIT_SECONDS = 10.0
AT_A_TIME = 8
"""Tasks under way at a time, at most: each has several requests, and the client bounds those."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: tasks and the requests planned for them, what was done, and the seconds that it took."""

    tasks: int
    planned: int
    done: int = 0
    done_planned: int = 0
    rows: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go at the pace so far; ``None`` before anything is done."""
        return self.seconds * (self.planned - self.done_planned) / self.done_planned if self.done_planned else None

    def plus(self, tasks: Iterable[Task], rows: int, requests: int, began: float) -> Progress:
        """This progress after more tasks and rows; ``requests`` are all so far, of a run that began at that monotonic time."""
        made = list(tasks)
        return replace(
            self,
            done=self.done + len(made),
            done_planned=self.done_planned + sum(task.requests for task in made),
            rows=self.rows + rows,
            requests=requests,
            seconds=time.monotonic() - began,
        )


Report = Callable[[Progress], None]


@dataclass
class Gathering(Generic[P]):
    """Tasks out, what they bring in, commits of a sensible size.

    ``fetch`` does one task; ``land`` commits what several brought, in a thread, and tells how many rows it wrote. The first
    failure stops what has not begun, and is raised when all that came whole is committed; a market that the server does not
    know ends only itself.
    """

    fetch: Callable[[Task], Coroutine[Any, Any, P]]
    land: Callable[[list[P]], int]
    budget: Budget
    report: Report
    at: Progress
    commit_rows: int = COMMIT_ROWS
    commit_seconds: float = COMMIT_SECONDS
    ready: list[P] = field(default_factory=list)
    fetched: list[Task] = field(default_factory=list)
    gone: dict[str, NotFoundError] = field(default_factory=dict)
    failure: AlliumError | None = None
    running: dict[asyncio.Task[P], Task] = field(default_factory=dict)

    async def run(self, tasks: list[Task]) -> Progress:
        """Do the tasks. Raises the first failure, after what was fetched whole is committed."""
        self.began = self.committed = time.monotonic()
        left = iter(tasks)
        try:
            self._start(left)
            while self.running:
                done, _ = await asyncio.wait(self.running, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    self._take(self.running.pop(one), one)
                self._start(left)
                if self._is_due():
                    await self._commit()
            await self._commit()
        finally:
            for one in self.running:
                one.cancel()
            await asyncio.gather(*self.running, return_exceptions=True)
        if failure := self.failure or next(iter(self.gone.values()), None):
            raise failure
        return self.at

    def _start(self, left: Iterator[Task]) -> None:
        while self.failure is None and len(self.running) < AT_A_TIME and (task := next(left, None)) is not None:
            if task.series[1] in self.gone:
                continue
            if not self.budget.has_room(task.requests):
                self.failure = exhausted(self.budget.most or 0)
                return
            self.budget.promised += task.requests
            self.running[asyncio.create_task(self.fetch(task))] = task

    def _take(self, task: Task, done: asyncio.Task[P]) -> None:
        self.budget.promised -= task.requests
        if done.cancelled():
            return
        try:
            self.ready.append(done.result())
            self.fetched.append(task)
        except NotFoundError as error:
            self.gone.setdefault(task.series[1], error)  # the other markets are none the worse for it
        except FetchError as error:
            self.failure = self.failure or error
            for one in self.running:
                one.cancel()  # what a server or a key has refused once, the others need not ask for
        except AlliumError as error:
            self.failure = self.failure or error

    def _is_due(self) -> bool:
        rows = sum(map(len, self.ready))
        return rows >= self.commit_rows or time.monotonic() - self.committed >= self.commit_seconds

    async def _commit(self) -> None:
        pieces, tasks = self.ready, self.fetched
        self.ready, self.fetched = [], []
        self.committed = time.monotonic()
        rows = await asyncio.to_thread(self.land, pieces) if pieces else 0
        self.at = self.at.plus(tasks, rows, self.budget.spent, self.began)
        self.report(self.at)


def begun(tasks: list[Task]) -> Progress:
    """The progress of a run that has done nothing yet."""
    return Progress(len(tasks), sum(task.requests for task in tasks))


def gather(
    client: MarketData,
    tasks: list[Task],
    fetch: Callable[[AsyncMarketData, Task], Coroutine[Any, Any, P]],
    land: Callable[[list[P]], int],
    report: Report,
    *,
    max_requests: int | None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> Progress:
    """Do the tasks, on the loop of ``client`` and with connections of their own. Raises what ``Gathering`` raises."""
    at, budget = begun(tasks), Budget(max_requests)
    report(at)

    async def run(inner: AsyncMarketData) -> Progress:
        fetcher = inner.sibling(budget.toll)
        try:
            one = partial(fetch, fetcher)
            return await Gathering(one, land, budget, report, at, commit_rows, commit_seconds).run(tasks)
        finally:
            await fetcher.aclose()

    return client.call(run)


def check_budget(max_requests: int | None) -> None:
    """Raise ``UsageError`` for a budget that is none."""
    if max_requests is not None and (not isinstance(max_requests, int) or max_requests < 1):
        raise UsageError(f"max_requests must be a whole number above 0, not {max_requests!r:.80}")

"""Fill a table with everything that it lacks of some markets over a span; the same call again goes on where it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..client import AsyncMarketData, MarketData, _market
from ..errors import AlliumError, FetchError, NotFoundError, UsageError
from ..intervals import Interval
from ..resource import OPEN_INTEREST
from ..times import Instant, instant, micros
from ..windows import plan
from .fetching import Budget, call, check_clock, exhausted, fetch_piece, opened, own_client
from .plan import Task, closed, lacking
from .table import Piece, Table

if TYPE_CHECKING:
    from os import PathLike

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
class Gathering:
    """The local run: tasks out, pieces in, commits of a sensible size. ``failure`` is raised when all is committed."""

    table: Table
    client: AsyncMarketData
    budget: Budget
    report: Report
    commit_rows: int
    commit_seconds: float
    at: Progress
    ready: list[Piece] = field(default_factory=list)
    fetched: list[Task] = field(default_factory=list)
    gone: dict[str, NotFoundError] = field(default_factory=dict)
    failure: AlliumError | None = None
    running: dict[asyncio.Task[Piece], Task] = field(default_factory=dict)

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
            self.running[asyncio.create_task(fetch_piece(self.client, task))] = task

    def _take(self, task: Task, done: asyncio.Task[Piece]) -> None:
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
        rows = sum(len(piece.rows) for piece in self.ready)
        return rows >= self.commit_rows or time.monotonic() - self.committed >= self.commit_seconds

    async def _commit(self) -> None:
        pieces, tasks = self.ready, self.fetched
        self.ready, self.fetched = [], []
        self.committed = time.monotonic()
        rows = await asyncio.to_thread(self.table.land, pieces) if pieces else 0
        self.at = self.at.plus(tasks, rows, self.budget.spent, self.began)
        self.report(self.at)


def backfill(
    markets: str | Iterable[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    table: str | PathLike[str],
    *,
    client: MarketData | None = None,
    dask: Any = None,
    max_requests: int | None = None,
    progress: Report | None = None,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> Progress:
    """Fetch every closed bucket of the markets with start <= ts < end that the table lacks, and commit it.

    The table (a folder or a URI) is made if there is none. Windows count as complete in the commit of their rows, every
    ``commit_rows`` rows or ``commit_seconds``, whichever comes first. ``dask`` is a ``distributed.Client``; its workers
    take the key from their own environment, share the pace of ``client`` and ``max_requests``, and write for themselves.

    Raises ``BudgetError`` when ``max_requests`` are spent, ``StoreError`` for a table that cannot be used,
    ``PrecisionError`` for a value that does not fit, ``FetchError`` as a fetch does; what came before it is committed.
    A market that the server does not know (404) ends only itself, and is raised at the end.
    """
    check_budget(max_requests)
    with opened(client) as chosen:
        chosen.plan(interval=interval, start=start, end=end)  # a wrong call makes no table
        store = Table(table, create=True, options=storage_options)
        tasks = pending(store, markets, interval, start, end, chosen)
        at = Progress(len(tasks), sum(task.requests for task in tasks))
        report = progress or (lambda _: None)
        report(at)
        if dask is not None:
            from .cluster import spread

            return spread(dask, store, tasks, chosen, at, report, max_requests, commit_rows)

        async def run(inner: AsyncMarketData) -> Progress:
            budget = Budget(max_requests)
            fetcher = own_client(inner, budget)
            try:
                return await Gathering(store, fetcher, budget, report, commit_rows, commit_seconds, at).run(tasks)
            finally:
                await fetcher.aclose()

        done: Progress = call(chosen, run)
        return done


def check_budget(max_requests: int | None) -> None:
    """Raise ``UsageError`` for a budget that is none."""
    if max_requests is not None and (not isinstance(max_requests, int) or max_requests < 1):
        raise UsageError(f"max_requests must be a whole number above 0, not {max_requests!r:.80}")


def pending(
    store: Table, markets: str | Iterable[str], interval: Interval, start: Instant, end: Instant, client: MarketData
) -> list[Task]:
    """The tasks that a backfill of an opened table would do now. Raises ``UsageError``, or ``StoreError`` for the clock."""
    names = [_market(name) for name in ([markets] if isinstance(markets, str) else markets)]
    wanted = plan(OPEN_INTEREST, interval, instant(start, "start"), instant(end, "end"))
    now = call(client, _now)
    check_clock(now, store.coverage, store.uri)
    span = closed(wanted.interval, micros(wanted.start), micros(wanted.end), micros(now))
    return list(lacking(names, wanted.interval, span, store.coverage))


async def _now(inner: AsyncMarketData) -> Any:
    return inner._clock()

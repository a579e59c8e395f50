"""Running many tasks: a few at a time, in commits of a reasonable size, with a budget and progress reports."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData, run_on_loop
from ..errors import AlliumError, FetchError, StoreError, UsageError
from .coverage import SeriesKey
from .failures import Failures, MarketFailure, Scope
from .fetch import Budget, budget_error
from .merge import UpdateResult
from .plan import Task
from .spans import Span


class TaskResult(Protocol):
    """What the fetch of a task returns. Its length is the number of its rows."""

    @property
    def span(self) -> Span:
        """The part of the task's span that is complete on the server."""

    def __len__(self) -> int: ...


Result = TypeVar("Result", bound=TaskResult)

COMMIT_ROWS = 200_000
COMMIT_SECONDS = 10.0
REPORT_SECONDS = 10.0
"""Progress is reported after each commit, and when this time has passed without one."""

MAX_RUNNING_TASKS = 8
"""Each task sends several requests; the client limits how many of those are in flight."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``planned`` and ``done_planned`` are the requests planned for all tasks and for those done.

    ``failures`` are the series that failed so far, in the order of the failures; everything of the others is done in the end.
    """

    tasks: int
    planned: int
    done: int = 0
    done_planned: int = 0
    rows: int = 0
    requests: int = 0
    seconds: float = 0.0
    failures: tuple[MarketFailure, ...] = ()
    changes: UpdateResult = field(default_factory=UpdateResult)
    """The rows that an update has committed, by kind. A backfill only adds rows, and leaves this empty."""

    @classmethod
    def of(cls, tasks: list[Task]) -> Progress:
        """The progress of a run that has not started."""
        return cls(len(tasks), sum(task.requests for task in tasks))

    @property
    def seconds_left(self) -> float | None:
        """The remaining seconds at the rate so far; ``None`` before the first task is done."""
        return self.seconds * (self.planned - self.done_planned) / self.done_planned if self.done_planned else None

    def advance(self, tasks: Iterable[Task], rows: int, requests: int, began: float) -> Progress:
        """This progress plus more tasks and rows. ``requests`` is the new total, ``began`` a time of the monotonic clock."""
        done = list(tasks)
        return replace(
            self,
            done=self.done + len(done),
            done_planned=self.done_planned + sum(task.requests for task in done),
            rows=self.rows + rows,
            requests=requests,
            seconds=time.monotonic() - began,
        )


ProgressCallback = Callable[[Progress], None]


@dataclass
class Runner(Generic[Result]):
    """Fetches tasks and commits their results.

    ``fetch`` does one task. ``commit`` writes the results of several, in a thread, and returns the number of rows. After
    a failure of the run no task starts; it is raised once all results are committed. A failure of one market ends only the
    tasks of its series, and is reported in ``progress.failures``.

    The results of a series are committed in the order of its tasks, and nothing after a task that failed or that the server
    could not yet complete. So the complete windows of a series grow from the start, and an update continues at their end.
    """

    fetch: Callable[[Task], Coroutine[Any, Any, Result]]
    commit: Callable[[list[Result]], int]
    budget: Budget
    report: ProgressCallback
    progress: Progress
    commit_rows: int = COMMIT_ROWS
    commit_seconds: float = COMMIT_SECONDS
    started: dict[SeriesKey, deque[Task]] = field(default_factory=dict)
    """The tasks of each series, in order, that have started and have no result in ``results``."""
    held: dict[Task, Result] = field(default_factory=dict)
    """Results that wait for an earlier task of their series."""
    results: list[Result] = field(default_factory=list)
    fetched: list[Task] = field(default_factory=list)
    ended: set[SeriesKey] = field(default_factory=set)
    """Series with a task that the server could not yet complete."""
    failures: Failures = field(default_factory=Failures)
    again: list[Task] = field(default_factory=list)
    """Tasks that ended in a 5xx while others ran. Each is done again alone, because the client shares such an error."""
    alone: Task | None = None
    failure: AlliumError | None = None
    running: dict[asyncio.Task[Result], Task] = field(default_factory=dict)
    committing: threading.Lock = field(default_factory=threading.Lock)

    async def run(self, tasks: list[Task]) -> Progress:
        """Do the tasks. Raises the first failure, after every complete result is committed."""
        self.began = self.committed = self.reported = time.monotonic()
        waiting = iter(tasks)
        try:
            self._start(waiting)
            while self.running:
                await asyncio.wait(self.running, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                self._collect_done()
                self._start(waiting)
                if self._is_commit_due():
                    await self._commit()
                elif time.monotonic() - self.reported >= REPORT_SECONDS:
                    self._report()
            await self._commit()
            self.failure = self.failure or self.failures.of_server
        finally:
            for future in self.running:
                future.cancel()
            await asyncio.gather(*self.running, return_exceptions=True)
            self._collect_done()
        if self.failure is not None:
            raise self.failure
        return self.progress

    def _start(self, waiting: Iterator[Task]) -> None:
        while self.failure is None and self._has_room():
            is_again = bool(self.again)
            task = self.again.pop(0) if self.again else next(waiting, None)
            if task is None:
                return
            if task.key in self.failures.by_series:
                self._drop_from(task)
                continue
            if not self.budget.has_room(task.requests):
                self.failure = budget_error(self.budget.limit or 0, task)
                return
            self.budget.reserved += task.requests
            self.running[asyncio.create_task(self.fetch(task))] = task
            self.alone = task if is_again else None
            if not is_again:
                self.started.setdefault(task.key, deque()).append(task)

    def _has_room(self) -> bool:
        if self.again or self.alone:
            return not self.running
        return len(self.running) < MAX_RUNNING_TASKS and len(self.held) < MAX_RUNNING_TASKS

    def _collect_done(self) -> None:
        for future in [future for future in self.running if future.done()]:
            self._collect(self.running.pop(future), future)

    def _collect(self, task: Task, future: asyncio.Task[Result]) -> None:
        self.budget.reserved -= task.requests
        was_alone, self.alone = task is self.alone, None
        if future.cancelled():
            return
        try:
            result = future.result()
        except AlliumError as error:
            self._record(task, error, self.failures.record(task.key, error, is_alone=was_alone))
        else:
            self.failures.record_answer(task.key)
            if task in self.started[task.key]:
                self.held[task] = result
            self._release(task.key)

    def _record(self, task: Task, error: AlliumError, scope: Scope) -> None:
        if scope is Scope.UNKNOWN:
            self.again.append(task)
            return
        self._drop_from(task)
        if scope is Scope.RUN:
            self.failure = self.failure or error
            if isinstance(error, FetchError):
                for other in self.running:
                    other.cancel()  # the server would reject the other tasks too

    def _release(self, key: SeriesKey) -> None:
        """Let the results of a series be committed up to its first task without one."""
        started = self.started[key]
        while started and started[0] in self.held:
            task = started.popleft()
            result = self.held.pop(task)
            self.fetched.append(task)
            if key not in self.ended:
                self.results.append(result)
            if result.span[1] < task.span[1]:
                self.ended.add(key)

    def _drop_from(self, task: Task) -> None:
        """Let nothing of the series be committed from this task on."""
        started = self.started.get(task.key, deque[Task]())
        while task in started:
            self.held.pop(started.pop(), None)

    def _is_commit_due(self) -> bool:
        rows = sum(map(len, self.results))
        return rows >= self.commit_rows or time.monotonic() - self.committed >= self.commit_seconds

    async def _commit(self) -> None:
        results, tasks = self.results, self.fetched
        self.results, self.fetched = [], []
        self.committed = time.monotonic()
        try:
            await asyncio.to_thread(self._write, results, tasks)
        except StoreError:
            self._report()  # the requests were sent
            raise
        self._report()

    def _write(self, results: list[Result], tasks: list[Task]) -> None:
        """Commit, and count what is committed even if the run ends meanwhile."""
        with self.committing:
            rows = self.commit(results) if results else 0
            self.progress = self.progress.advance(tasks, rows, self.budget.spent, self.began)

    def _report(self) -> None:
        progress = replace(self.progress, failures=self.failures.of_markets)
        self.progress = progress.advance((), 0, self.budget.spent, self.began)
        self.reported = time.monotonic()
        self.report(self.progress)

    def commit_rest(self) -> None:
        """Commit what an interrupted run has fetched, after a commit that may be under way in another thread."""
        self._write(self.results, self.fetched)
        self._report()


def run_tasks(
    client: MarketData,
    tasks: list[Task],
    fetch: Callable[[LoopClient, Task], Coroutine[Any, Any, Result]],
    commit: Callable[[list[Result]], int],
    report: ProgressCallback,
    *,
    max_requests: int | None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
    spent: int = 0,
) -> Progress:
    """Do the tasks on the event loop of ``client``, with connections of their own. Raises as ``Runner.run`` does.

    ``spent`` is the number of requests that the run has sent before, to make its plan.
    After an interrupt (Ctrl-C), complete results are committed before it is raised.
    """
    progress, budget = replace(Progress.of(tasks), requests=spent), Budget(max_requests, spent)
    report(progress)
    runner: Runner[Result] | None = None

    async def run(caller: LoopClient) -> Progress:
        nonlocal runner
        own = caller.clone(budget.spend)
        try:
            fetch_task = partial(fetch, own)
            runner = Runner(fetch_task, commit, budget, report, progress, commit_rows, commit_seconds)
            return await runner.run(tasks)
        finally:
            await own.aclose()

    try:
        return run_on_loop(client, run)
    except KeyboardInterrupt:
        if runner is not None:
            runner.commit_rest()
        raise


def check_budget(max_requests: int | None) -> None:
    """Raise ``UsageError`` if ``max_requests`` is not a positive integer or ``None``."""
    if max_requests is not None and (not isinstance(max_requests, int) or max_requests < 1):
        raise UsageError(f"max_requests must be a whole number above 0, not {max_requests!r:.80}")


def ignore_progress(_: Progress) -> None:
    """The default progress callback."""

"""The caller's side of a backfill on Dask: submit groups of tasks, and collect their results.

``worker`` is what runs on a worker, ``rate_limiter`` what runs on the scheduler and answers every request of every worker.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from distributed import Client, Future, as_completed
from distributed.client import ClosedClientError
from distributed.scheduler import KilledWorker

from ...client.loop_client import LoopClient
from ...client.settings import Settings
from ...client.sync_client import MarketData, run_on_loop
from ...counts import counted
from ...errors import AlliumError, StoreError, UsageError
from ..coverage import CommitNote, SeriesKey
from ..failures import Failures, Scope
from ..fetch import Budget, budget_error
from ..plan import Task, group_tasks
from ..runner import REPORT_SECONDS, Progress, ProgressCallback
from ..spans import Spans, overlaps, subtract, union
from ..table import Table
from . import cluster
from .cluster import address_of, call_limiter, check_workers, count_threads, one_line, scheduler_errors
from .rate_limiter import RateLimiter
from .worker import GroupResult, JobSpec, run_group

GROUPS_PER_THREAD = 4
"""At least this many groups for each thread of the cluster, if there are enough tasks, so that all threads end together."""


def run_on_cluster(
    dask: Any,
    table: Table,
    tasks: list[Task],
    client: MarketData,
    report: ProgressCallback,
    budget: Budget,
    commit_rows: int,
    settle: timedelta | None = None,
) -> Progress:
    """Do the tasks on a cluster. Raises the first failure, after the running groups have ended.

    Raises ``UsageError`` before the first request if the cluster cannot run them, ``StoreError`` if it is lost.
    """
    progress = replace(Progress.of(tasks), requests=budget.spent)
    report(progress)
    uri = table.uri if "://" in table.uri else os.path.abspath(table.uri)  # noqa: PTH100 - a Path would change a URI
    threads = _check_cluster(dask, table, uri)
    if not tasks:
        return progress
    settings: Settings = run_on_loop(client, _read_settings)
    run = uuid.uuid4().hex[:12]
    job = JobSpec(
        *(run, uri, settings.base_url, settings.timeout, settings.max_concurrency, settings.retry, budget.limit),
        settle=settle,
        endpoint=table.endpoint,
    )
    with scheduler_errors(dask):
        dask.register_plugin(RateLimiter())
    call_limiter(dask, "start_run", run=run, client=dask.id, rate=settings.max_rate, max_requests=budget.left)
    affordable = list(tasks_within_budget(tasks, budget.left))
    group_rows = min(commit_rows, sum(task.buckets for task in affordable) // (GROUPS_PER_THREAD * threads))
    collector = Collector(dask, run, progress, report)
    try:
        progress = collector.run(job, list(group_tasks(affordable, group_rows)))
    finally:
        _forget_later_windows(table, affordable, collector)
    if left := [
        task for task in affordable if task not in collector.done and task.key not in collector.failures.by_series
    ]:
        raise StoreError(
            f"the cluster did not do {counted(len(left), 'window')}, such as {left[0]}: the same call resumes"
        )
    if budget.limit is not None and len(affordable) < len(tasks):
        raise budget_error(budget.limit, tasks[len(affordable)])
    return progress


def _check_cluster(dask: Any, table: Table, uri: str) -> int:
    """The number of groups that the cluster runs at a time. Raises ``UsageError`` if it cannot run a backfill."""
    if not isinstance(dask, Client) or dask.asynchronous:
        raise UsageError(f"dask must be a distributed.Client that is not asynchronous, not {type(dask).__name__}")
    if table.storage_options:
        raise UsageError("with dask, workers take the storage options from their environment: do not pass them")
    with scheduler_errors(dask):
        threads = count_threads(dask)
        check_workers(dask, uri, table.endpoint)
    return threads


def tasks_within_budget(tasks: list[Task], max_requests: int | None) -> Iterator[Task]:
    """The first tasks whose planned requests fit into the budget together; a task that cannot finish would be wasted."""
    planned = 0
    for task in tasks:
        planned += task.requests
        if max_requests is not None and planned > max_requests:
            return
        yield task


class Collector:
    """Submits the groups of one run, and collects their results.

    A 5xx pauses the run. Then each task that ended in one is done again alone, and ``Failures`` decides whether it is of
    one market. After that, the groups that had not started are submitted again.
    """

    def __init__(self, dask: Client, run: str, progress: Progress, report: ProgressCallback) -> None:
        self.dask, self.run_id, self.progress, self.report = dask, run, progress, report
        self.began = self.reported = time.monotonic()
        self.spent = progress.requests
        """The requests before the run."""
        self.failure: AlliumError | None = None
        self.failures = Failures()
        self.done: set[Task] = set()
        self.again: list[Task] = []
        self.postponed: list[tuple[Task, ...]] = []
        self.futures: list[Future] = []

    def run(self, job: JobSpec, groups: list[tuple[Task, ...]]) -> Progress:
        """Submit the groups and wait for all of them. However this ends, the groups that are left are cancelled."""
        try:
            while groups and self.failure is None:
                self._run_groups(job, groups)
                self._run_again(job)
                groups, self.postponed = self.postponed, []
                call_limiter(self.dask, "resume_run", run=self.run_id)
        finally:
            with suppress(OSError, ValueError, StoreError, ClosedClientError):  # a lost cluster does nothing any more
                self.dask.cancel(self.futures, reason="the backfill has ended", msg=False)
                call_limiter(self.dask, "end_run", run=self.run_id)
        self.failure = self.failure or self.failures.of_server
        if self.failure is not None:
            raise self.failure
        return self.progress

    def _run_again(self, job: JobSpec) -> None:
        """Do each task again that ended in a 5xx, one after the other."""
        again, self.again = self.again, []
        for task in again:
            if self.failure is None and task.key not in self.failures.by_series:
                self._run_groups(job, [(task,)], is_alone=True)

    def _run_groups(self, job: JobSpec, groups: list[tuple[Task, ...]], *, is_alone: bool = False) -> None:
        futures: list[Future] = []
        for group in groups:
            key = f"allium-backfill-{self.run_id}-{len(self.futures)}"
            with scheduler_errors(self.dask):
                futures.append(self.dask.submit(run_group, job, group, is_alone=is_alone, key=key, pure=False))
            self.futures.append(futures[-1])
        for future in self._completed(futures):
            self._record(future, is_alone=is_alone)

    def _completed(self, futures: list[Future]) -> Iterator[Future]:
        """The futures as they complete. Raises ``StoreError`` if no worker is left to run them."""
        completed = as_completed(futures)
        checked = last_worker_seen = time.monotonic()
        while completed.count():
            if completed.has_ready():
                future = next(completed)
                if future.status in ("lost", "pending"):
                    completed.add(future)  # its worker died before the result was read; Dask runs the group again
                else:
                    yield future
                continue
            time.sleep(0.05)
            now = time.monotonic()
            if now - checked > 1:
                checked = now
                with scheduler_errors(self.dask):
                    last_worker_seen = now if self.dask.nthreads() else last_worker_seen
            if now - self.reported >= REPORT_SECONDS:
                self._report()
            if now - last_worker_seen > cluster.WORKER_SECONDS:
                raise StoreError(f"no worker is left at {address_of(self.dask)}: the same call resumes")

    def _record(self, future: Future, *, is_alone: bool) -> None:
        if future.status != "finished":
            self.failure = self.failure or _failure_of(future)
            call_limiter(self.dask, "stop_run", run=self.run_id)
            return
        result: GroupResult = future.result()
        for task in result.tasks:
            self.done.add(task)
            self.failures.record_answer(task.key)
        for task, error in result.errors:
            scope = self.failures.record(task.key, error, is_alone=is_alone)
            if scope is Scope.RUN:
                self.failure = self.failure or error
            elif scope is Scope.UNKNOWN and task not in self.again:
                self.again.append(task)
        left = tuple(task for task in result.postponed if task.key not in self.failures.by_series)
        self.postponed += [left] if left else []
        self._report(result)

    def _report(self, result: GroupResult | None = None) -> None:
        """Report the progress, after a group or while none has ended."""
        requests = self.spent + call_limiter(self.dask, "count_requests", run=self.run_id)
        done = result or GroupResult()
        progress = replace(self.progress, failures=self.failures.of_markets)
        self.progress = progress.advance(done.tasks, done.rows, requests, self.began)
        self.reported = time.monotonic()
        self.report(self.progress)


def _forget_later_windows(table: Table, tasks: list[Task], collector: Collector) -> None:
    complete = table.refresh().complete
    if forgotten := windows_to_forget(tasks, collector.done, collector.failures.by_series, complete):
        table.retry(lambda: table.write_note(CommitNote(forgotten=forgotten)))


def windows_to_forget(
    tasks: list[Task], done: set[Task], failed: Collection[SeriesKey], complete: Mapping[SeriesKey, Spans]
) -> dict[SeriesKey, Spans]:
    """The windows from the first missing one on, if a later one is complete, of each series that failed or that the server
    could not complete.

    The workers commit in any order, and an update continues at the end of the complete windows of a series.
    """
    behind = {task.key for task in done if subtract(task.span, complete.get(task.key, ()))}
    forgotten: dict[SeriesKey, Spans] = {}
    for key in behind.union(failed):
        windows, planned = complete.get(key, ()), [task.span for task in tasks if task.key == key]
        missing = [part for span in planned for part in subtract(span, windows)]
        first = min((start for start, _ in missing), default=None)
        if first is not None:
            rest = union((max(first, start), end) for start, end in planned if first < end)
            forgotten |= {key: rest} if any(overlaps(windows, span) for span in rest) else {}
    return forgotten


def _failure_of(future: Future) -> AlliumError:
    if future.status == "cancelled":
        return StoreError("the Dask scheduler cancelled a group of windows: the same call resumes")
    error = future.exception()
    if isinstance(error, AlliumError):
        return error
    if isinstance(error, KilledWorker):
        return StoreError("a group of windows killed several workers, perhaps for lack of memory: see their logs")
    return StoreError(f"a group of windows failed on the cluster: {one_line(error)} (what was committed stays)")


async def _read_settings(client: LoopClient) -> Settings:
    return client.settings

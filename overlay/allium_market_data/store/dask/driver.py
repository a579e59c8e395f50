"""The caller's side of a backfill on Dask: check the cluster, submit groups of tasks, and collect their results.

``worker`` is what runs on a worker, ``rate_limiter`` what runs on the scheduler and answers every request of every worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from distributed import Client, Future, Security, as_completed
from distributed.client import ClosedClientError
from distributed.comm import connect
from distributed.scheduler import KilledWorker

from ...client.loop_client import LoopClient
from ...client.settings import Settings
from ...client.sync_client import MarketData, run_on_loop
from ...errors import AlliumError, StoreError, UsageError
from ...model.endpoint import Endpoint
from ...version import VERSION
from ..coverage import SeriesKey
from ..failures import MarketFailure
from ..fetch import budget_error
from ..plan import Task, group_tasks
from ..runner import REPORT_SECONDS, Progress, ProgressCallback
from ..table import Table
from .rate_limiter import RateLimiter
from .worker import GroupResult, JobSpec, run_group, worker_problem

CONNECT_SECONDS = 10.0
"""How long to wait for the scheduler's first answer."""

WORKER_SECONDS = 30.0
"""How long to wait for a first worker, and for a new one when all have died."""

GROUPS_PER_THREAD = 4
"""At least this many groups for each thread of the cluster, if there are enough tasks, so that all threads end together."""


@contextmanager
def connect_cluster(address: str) -> Iterator[Client]:
    """A client of the cluster with the scheduler at ``address``. Raises ``StoreError`` if there is none.

    For a command: Dask's own log messages are switched off, because errors are reported once, as exceptions.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        asyncio.run(_check_scheduler(address))
        dask = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, MemoryError) as error:  # another kind of server can cause any of these
        raise StoreError(f"no Dask scheduler at {address}: {_one_line(error)}") from None
    with dask:
        yield dask


async def _check_scheduler(address: str) -> None:
    """Connect once with a timeout. ``Client`` would wait forever for a server that accepts and never answers."""
    security = Security().get_connection_args("client")
    connection = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS, **security), CONNECT_SECONDS + 1)
    await connection.close()


def run_on_cluster(
    dask: Any,
    table: Table,
    tasks: list[Task],
    client: MarketData,
    report: ProgressCallback,
    max_requests: int | None,
    commit_rows: int,
    settle: timedelta | None = None,
) -> Progress:
    """Do the tasks on a cluster. Raises the first failure, after the running groups have ended.

    Raises ``UsageError`` before the first request if the cluster cannot run them, ``StoreError`` if it is lost.
    """
    progress = Progress.of(tasks)
    report(progress)
    if not isinstance(dask, Client) or dask.asynchronous:
        raise UsageError(f"dask must be a distributed.Client that is not asynchronous, not {type(dask).__name__}")
    if table.storage_options:
        raise UsageError("with dask, workers take the storage options from their environment: do not pass them")
    uri = table.uri if "://" in table.uri else os.path.abspath(table.uri)  # noqa: PTH100 - a Path would change a URI
    with _scheduler_errors(dask):
        threads = _count_threads(dask)
        _check_versions_and_workers(dask, uri, table.endpoint)
    if not tasks:
        return progress
    settings: Settings = run_on_loop(client, _read_settings)
    run = uuid.uuid4().hex[:12]
    job = JobSpec(
        *(run, uri, settings.base_url, settings.timeout, settings.max_concurrency, settings.retry, max_requests),
        settle=settle,
        endpoint=table.endpoint,
    )
    with _scheduler_errors(dask):
        dask.register_plugin(RateLimiter())
    _call_limiter(dask, "start_run", run=run, client=dask.id, rate=settings.max_rate, max_requests=max_requests)
    affordable = list(tasks_within_budget(tasks, max_requests))
    group_rows = min(commit_rows, sum(task.buckets for task in affordable) // (GROUPS_PER_THREAD * threads))
    progress = Collector(dask, run, progress, report).run(job, list(group_tasks(affordable, group_rows)))
    if max_requests is not None and len(affordable) < len(tasks):
        raise budget_error(max_requests)
    return progress


def tasks_within_budget(tasks: list[Task], max_requests: int | None) -> Iterator[Task]:
    """The first tasks whose planned requests fit into the budget together; a task that cannot finish would be wasted."""
    planned = 0
    for task in tasks:
        planned += task.requests
        if max_requests is not None and planned > max_requests:
            return
        yield task


class Collector:
    """Submits the groups of one run, and collects their results."""

    def __init__(self, dask: Client, run: str, progress: Progress, report: ProgressCallback) -> None:
        self.dask, self.run_id, self.progress, self.report = dask, run, progress, report
        self.began = self.reported = time.monotonic()
        self.failure: AlliumError | None = None
        self.market_failures: dict[SeriesKey, MarketFailure] = {}

    def run(self, job: JobSpec, groups: list[tuple[Task, ...]]) -> Progress:
        """Submit the groups and wait for all of them. However this ends, the groups that are left are cancelled."""
        futures: list[Future] = []
        try:
            for index, group in enumerate(groups):
                key = f"allium-backfill-{self.run_id}-{index}"
                with _scheduler_errors(self.dask):
                    futures.append(self.dask.submit(run_group, job, group, key=key, pure=False))
            for future in self._completed(futures):
                self._record(future)
        finally:
            with suppress(OSError, ValueError, StoreError, ClosedClientError):  # a lost cluster does nothing any more
                self.dask.cancel(futures, reason="the backfill has ended", msg=False)
                _call_limiter(self.dask, "end_run", run=self.run_id)
        if self.failure is not None:
            raise self.failure
        return self.progress

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
                with _scheduler_errors(self.dask):
                    last_worker_seen = now if self.dask.nthreads() else last_worker_seen
            if now - self.reported >= REPORT_SECONDS:
                self._report()
            if now - last_worker_seen > WORKER_SECONDS:
                raise StoreError(f"no worker is left at {_address(self.dask)}: the same call resumes")

    def _record(self, future: Future) -> None:
        if future.status != "finished":
            self.failure = self.failure or _failure_of(future)
            _call_limiter(self.dask, "stop_run", run=self.run_id)
            return
        result: GroupResult = future.result()
        for failure in result.market_failures:
            self.market_failures.setdefault(failure.key, failure)
        for error in result.failures:
            self.failure = self.failure or error
        self._report(result)

    def _report(self, result: GroupResult | None = None) -> None:
        """Report the progress, after a group or while none has ended."""
        requests = _call_limiter(self.dask, "count_requests", run=self.run_id)
        done = result or GroupResult()
        progress = replace(self.progress, failures=tuple(self.market_failures.values()))
        self.progress = progress.advance(done.tasks, done.rows, requests, self.began)
        self.reported = time.monotonic()
        self.report(self.progress)


def _failure_of(future: Future) -> AlliumError:
    if future.status == "cancelled":
        return StoreError("the Dask scheduler cancelled a group of windows: the same call resumes")
    error = future.exception()
    if isinstance(error, AlliumError):
        return error
    if isinstance(error, KilledWorker):
        return StoreError("a group of windows killed several workers, perhaps for lack of memory: see their logs")
    return StoreError(f"a group of windows failed on the cluster: {_one_line(error)} (what was committed stays)")


def _count_threads(dask: Client) -> int:
    """The number of groups that the cluster runs at a time. Raises ``UsageError`` if no worker joins in time."""
    with suppress(TimeoutError):
        dask.wait_for_workers(1, timeout=WORKER_SECONDS)
    threads: int = sum(dask.nthreads().values())
    if not threads:
        raise UsageError(f"the scheduler at {_address(dask)} has no worker: start some with dask worker ADDRESS")
    return threads


def _check_versions_and_workers(dask: Client, uri: str, endpoint: Endpoint) -> None:
    """Raise ``UsageError`` if the scheduler or a worker cannot run a backfill."""
    try:
        version = dask.run_on_scheduler(_read_version)
    except Exception as error:  # noqa: BLE001 - the import of this package may fail there in any way
        raise UsageError(f"the scheduler cannot use allium-market-data {VERSION}: {_one_line(error)}") from None
    if version != VERSION:
        raise UsageError(f"the scheduler has allium-market-data {version}, this process {VERSION}: install the same")
    results = dask.run(worker_problem, VERSION, uri, endpoint, on_error="return")
    problems = {
        address: result if isinstance(result, str) else _one_line(result)
        for address, result in results.items()
        if result
    }
    if problems:
        address, problem = next(iter(problems.items()))
        raise UsageError(f"{len(problems)} of {len(results)} workers cannot run a backfill; {address}: {problem}")


def _one_line(error: object) -> str:
    message = " ".join(str(error).split()) or "no answer"
    return f"{type(error).__name__}: {message}"[:300]


def _read_version() -> str:
    from ...version import VERSION

    return VERSION


def _call_limiter(dask: Client, method: str, **arguments: Any) -> Any:
    """Call a method of the rate limiter on the scheduler."""

    async def call() -> Any:
        if dask.scheduler is None:
            raise ClosedClientError("the scheduler has shut down")
        return await getattr(dask.scheduler, f"allium_{method}")(**arguments)

    with _scheduler_errors(dask):
        return dask.sync(call)


def _address(dask: Client) -> str:
    return str(dask.scheduler.address if dask.scheduler else "an unknown address")


@contextmanager
def _scheduler_errors(dask: Client) -> Iterator[None]:
    """Turn the loss or the shutdown of the scheduler into ``StoreError``."""
    address = _address(dask)
    try:
        yield
    except (OSError, ClosedClientError) as error:
        raise StoreError(f"lost the Dask scheduler at {address}: {_one_line(error)}; the same call resumes") from None


async def _read_settings(client: LoopClient) -> Settings:
    return client.settings

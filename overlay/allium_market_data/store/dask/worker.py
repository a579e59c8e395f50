"""The worker's side of a backfill on Dask: fetch a group of tasks under the shared rate limit, and commit it.

A job says which windows to fetch, from which server, into which table. It does not contain the API key or the keys of an
object store: a worker reads them from its own environment, so they appear in no task graph, log or dashboard.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from distributed import get_worker

from ...client.loop_client import LoopClient
from ...client.retry import RetryPolicy
from ...client.sync_client import MarketData, run_on_loop
from ...errors import AlliumError, StoreError
from ...model.endpoint import OPEN_INTEREST, Endpoint
from ...optional import require
from ...version import VERSION
from ..failures import Scope, scope_of
from ..fetch import budget_error, fetch_batch
from ..plan import Task
from ..spans import subtract
from ..table import Batch, Table
from .rate_limiter import GRANTED, SPENT


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What every group of a run has in common: the table, the server, and how to send requests. Contains no key."""

    run: str
    uri: str
    base_url: str
    timeout: float
    concurrency: int
    retry: RetryPolicy
    max_requests: int | None
    settle: timedelta | None = None
    endpoint: Endpoint = OPEN_INTEREST


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The tasks of a group that are complete, the rows that were committed, and the errors.

    ``postponed`` are all tasks of a group that did not start, because the run is paused.
    """

    tasks: tuple[Task, ...] = ()
    rows: int = 0
    errors: tuple[tuple[Task, AlliumError], ...] = ()
    postponed: tuple[Task, ...] = ()


class _RunOverError(AlliumError):
    """The run is over, and its cause was reported elsewhere."""


def worker_problem(version: str, uri: str, endpoint: Endpoint = OPEN_INTEREST) -> str | None:
    """Why this process cannot work for a client of this version, or ``None``."""
    if version != VERSION:
        return f"it has allium-market-data {VERSION}, the client has {version}"
    if not os.environ.get("ALLIUM_API_KEY"):
        return "ALLIUM_API_KEY is not in its environment: set it before the worker starts"
    try:
        require("deltalake", "store")
        Table(uri, endpoint=endpoint)
    except AlliumError as error:
        return f"{error} (every worker must reach the table at the same place as the client)"
    return None


def run_group(job: JobSpec, group: tuple[Task, ...], *, is_alone: bool = False) -> GroupResult:
    """Fetch what the table is missing of the group, and commit the complete windows.

    A group that runs alone starts even while the run is paused.
    Dask runs a group again if its worker died after the commit and before the result was read. The second run finds the
    windows complete and fetches nothing.
    """
    scheduler = SchedulerClient(get_worker(), job.run)
    is_over, is_paused, failed_markets = scheduler.call("read_state").result()
    if is_over:
        return GroupResult()
    if is_paused and not is_alone:
        return GroupResult(postponed=group)
    table = Table(job.uri, endpoint=job.endpoint)
    group = tuple(task for task in group if task.key[1] not in failed_markets)
    fetch = GroupFetch(job, scheduler, {task: _missing_parts(table, task) for task in group})
    batches: list[Batch] = []
    if any(fetch.missing.values()):
        with MarketData(
            None,
            job.base_url,
            timeout=job.timeout,
            max_concurrency=job.concurrency,
            retry=job.retry,
            allow_insecure=True,  # the caller's client has checked the URL
        ) as client:
            batches = run_on_loop(client, fetch.run)
    rows = table.commit(batches) if batches else 0
    done = tuple(task for task in group if task not in fetch.incomplete)
    return GroupResult(done, rows, tuple(fetch.errors))


def _missing_parts(table: Table, task: Task) -> list[Task]:
    complete = table.coverage.complete.get(task.key, ())
    return [replace(task, span=span) for span in subtract(task.span, complete)]


@dataclass
class SchedulerClient:
    """Calls the rate limiter on the scheduler from a thread of a worker, through the worker's own event loop."""

    worker: Any
    run: str

    def call(self, method: str, **arguments: Any) -> Future[Any]:
        """The future of a call. Its exception is an ``OSError`` if the scheduler is gone."""
        remote = getattr(self.worker.scheduler, f"allium_{method}")

        async def call() -> Any:
            return await remote(run=self.run, **arguments)

        return asyncio.run_coroutine_threadsafe(call(), self.worker.loop.asyncio_loop)


@dataclass
class GroupFetch:
    """Fetches one group: the missing parts of each task, and the tasks that stay incomplete."""

    job: JobSpec
    scheduler: SchedulerClient
    missing: dict[Task, list[Task]]
    incomplete: set[Task] = field(default_factory=set)
    errors: list[tuple[Task, AlliumError]] = field(default_factory=list)

    async def run(self, caller: LoopClient) -> list[Batch]:
        """The complete batches."""
        client = caller.clone(self.acquire)
        fetches = [self.fetch(client, task, part) for task, parts in self.missing.items() for part in parts]
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(fetch) for fetch in fetches]
            return [batch for done in running if (batch := done.result()) is not None]
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0]
        finally:
            await client.aclose()
        raise failure

    async def fetch(self, client: LoopClient, task: Task, part: Task) -> Batch | None:
        """A batch, or ``None`` if it failed. An error that other requests would meet too stops the whole run, and a 5xx
        pauses it, until the driver knows whether it is of one market."""
        try:
            return await fetch_batch(client, part, self.job.settle)
        except _RunOverError:
            pass
        except AlliumError as error:
            self.errors.append((task, error))
            scope = scope_of(error)
            if scope is Scope.MARKET:
                await self.call("add_failed_market", market=task.key[1])
            else:
                await self.call("stop_run" if scope is Scope.RUN else "pause_run")
        self.incomplete.add(task)
        return None

    async def acquire(self) -> None:
        """Wait until the cluster may send another request."""
        answer = await self.call("acquire")
        if answer == SPENT:
            raise budget_error(self.job.max_requests or 0)
        if answer != GRANTED:
            raise _RunOverError("the run is over")

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call the rate limiter from the event loop of the client."""
        try:
            return await asyncio.wrap_future(self.scheduler.call(method, **arguments))
        except OSError as error:
            raise StoreError(f"lost the Dask scheduler: {error}") from None

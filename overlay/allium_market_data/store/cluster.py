"""The same backfill on Dask: groups of tasks are Dask's tasks, workers fetch and commit, one pace holds over all.

What crosses the wire: which windows, which table, which server. The API key does not: each worker reads it from its own
environment, so it stands in no task graph, no log and no dashboard. The same holds for the keys of an object store.

The pace is a plugin of the scheduler: every request of every worker first asks it for a turn, and it answers when the turn
has come. A worker that dies takes at most its own turns along. A group that is run again, because the worker died after its
commit and before it could say so, finds its windows complete and does nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from distributed import Client, as_completed, get_worker
from distributed.diagnostics.plugin import SchedulerPlugin

from ..client import AsyncMarketData, MarketData
from ..errors import AlliumError, NotFoundError, StoreError, UsageError
from .fetching import Budget, call, exhausted, fetch_piece, own_client
from .plan import Task, grouped
from .spans import without
from .table import Piece, Table

HANDLER = "allium_turn"
SPENT = "spent"


class Pace(SchedulerPlugin):  # type: ignore[misc]
    """Gives turns on the scheduler: at most ``rate`` a second over the whole cluster, and to each run its budget."""

    name = "allium-market-data-pace"

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self.next = 0.0
        self.sent: dict[str, int] = {}

    async def start(self, scheduler: Any) -> None:
        """Answer the workers; go on where a pace before this one ended."""
        before = getattr(scheduler.handlers.get(HANDLER), "__self__", None)
        if isinstance(before, Pace):
            self.next, self.sent = before.next, before.sent
        scheduler.handlers[HANDLER] = self.turn

    async def turn(self, run: str, most: int | None) -> str:
        """Wait for the next turn of the cluster; ``spent`` where the run has had all of its own."""
        if most is not None and self.sent.get(run, 0) >= most:
            return SPENT
        self.sent[run] = self.sent.get(run, 0) + 1
        if self.rate:
            now = time.monotonic()
            due = max(self.next, now)
            self.next = due + 1 / self.rate
            await asyncio.sleep(due - now)
        return "go"


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told: where the table and the server are. No key."""

    run: str
    uri: str
    base_url: str
    timeout: float
    concurrency: int
    max_requests: int | None


@dataclass(frozen=True, slots=True)
class Landed:
    """What a worker says of a group: rows that it committed, requests that it sent, and what went wrong."""

    rows: int
    requests: int
    failures: tuple[AlliumError, ...] = ()


def has_key() -> bool:
    """Whether this process has a key in its environment."""
    return bool(os.environ.get("ALLIUM_API_KEY"))


def land(order: Order, group: tuple[Task, ...]) -> Landed:
    """On a worker: fetch what of the group the table lacks, and commit it."""
    table = Table(order.uri)
    left = [
        Task(task.series, span)
        for task in group
        for span in without(task.span, table.coverage.complete.get(task.series, ()))
    ]
    if not left:
        return Landed(0, 0)
    worker = get_worker()

    async def turn() -> None:
        asked = worker.scheduler.allium_turn(run=order.run, most=order.max_requests)
        future = asyncio.run_coroutine_threadsafe(_awaited(asked), worker.loop.asyncio_loop)
        if await asyncio.wrap_future(future) == SPENT:
            raise exhausted(order.max_requests or 0)

    with MarketData(None, order.base_url, timeout=order.timeout, max_concurrency=order.concurrency) as client:
        pieces, requests, failures = call(client, lambda inner: _fetch(inner, left, turn))
    return Landed(table.land(pieces) if pieces else 0, requests, failures)


async def _awaited(asked: Any) -> Any:
    return await asked


async def _fetch(
    inner: AsyncMarketData, tasks: list[Task], turn: Callable[[], Any]
) -> tuple[list[Piece], int, tuple[AlliumError, ...]]:
    """The pieces of those tasks that came whole, and the failures of the others."""
    budget = Budget()
    client = own_client(inner, budget)

    async def toll() -> None:
        await turn()
        await budget.toll()

    client._toll = toll
    try:
        made = await asyncio.gather(*(fetch_piece(client, task) for task in tasks), return_exceptions=True)
    finally:
        await client.aclose()
    unknown = [one for one in made if isinstance(one, BaseException) and not isinstance(one, AlliumError)]
    if unknown:
        raise unknown[0]
    pieces = [one for one in made if isinstance(one, Piece)]
    return pieces, budget.spent, tuple(one for one in made if isinstance(one, AlliumError))


def spread(
    dask: Client,
    table: Table,
    tasks: list[Task],
    client: MarketData,
    at: Any,
    report: Callable[[Any], None],
    max_requests: int | None,
    max_rate: float | None,
    commit_rows: int,
) -> Any:
    """Do the tasks on a cluster. Raises the first failure after the other groups are done."""
    if table.options:
        raise UsageError("with dask, the workers take the storage options from their environment: leave them out")
    if "://" not in table.uri:
        table = Table(os.path.abspath(table.uri))  # noqa: PTH100 - workers have folders of their own to start from
    without_key = [address for address, has in dask.run(has_key).items() if not has]
    if without_key:
        raise UsageError(f"{len(without_key)} workers have no ALLIUM_API_KEY in their environment: {without_key[0]}")
    settings = call(client, _settings)
    dask.register_plugin(Pace(settings.max_rate if max_rate is None else max_rate))
    run = uuid.uuid4().hex[:12]
    order = Order(run, table.uri, settings.base_url, settings.timeout, settings.max_concurrency, max_requests)
    groups = list(grouped(tasks, commit_rows))
    futures = {
        dask.submit(land, order, group, key=f"allium-backfill-{run}-{index}", pure=False): group
        for index, group in enumerate(groups)
    }
    return _collect(futures, at, report)


def _collect(futures: dict[Any, tuple[Task, ...]], at: Any, report: Callable[[Any], None]) -> Any:
    began, failures = time.monotonic(), []
    try:
        for future in as_completed(list(futures)):
            if future.status != "finished":
                raise _lost(future)
            landed, group = future.result(), futures[future]
            failures += landed.failures
            at = replace(
                at,
                done=at.done + len(group) - len(landed.failures),
                done_planned=at.done_planned + sum(task.requests for task in group),
                rows=at.rows + landed.rows,
                requests=at.requests + landed.requests,
                seconds=time.monotonic() - began,
            )
            report(at)
            if any(not isinstance(failure, NotFoundError) for failure in landed.failures):
                break
    finally:
        for future in futures:
            future.cancel()
    if failures:
        raise next((one for one in failures if not isinstance(one, NotFoundError)), failures[0])
    return at


def _lost(future: Any) -> AlliumError:
    error = future.exception()
    if isinstance(error, AlliumError):
        return error
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return StoreError(f"a group of windows failed on the cluster: {said:.300} (what was committed stays)")


async def _settings(inner: AsyncMarketData) -> Any:
    return inner._settings

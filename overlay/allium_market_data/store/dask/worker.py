"""On a worker of a cluster: fetch a group of windows, at the pace that all workers share, and commit it.

What a worker is told says which windows, which table, which server. The API key is not in it: a worker reads it from its
own environment, so it stands in no task graph, no log and no dashboard. The same holds for the keys of an object store.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from distributed import get_worker

from ...client.async_client import AsyncMarketData
from ...client.retry import RetryPolicy
from ...client.sync_client import MarketData
from ...errors import AlliumError, NotFoundError, StoreError
from ...optional import require
from ...version import VERSION
from ..fetch import exhausted, fetch_piece
from ..plan import Task
from ..spans import without
from ..table import Piece, Table
from .rate_limiter import GO, SPENT


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told: where the table and the server are, and how to ask. No key."""

    run: str
    uri: str
    base_url: str
    timeout: float
    concurrency: int
    retry: RetryPolicy
    max_requests: int | None


@dataclass(frozen=True, slots=True)
class Landed:
    """What a worker says of a group: which of its windows are complete, rows that it committed, and what went wrong."""

    tasks: tuple[Task, ...] = ()
    rows: int = 0
    failures: tuple[AlliumError, ...] = ()


class _RunOverError(AlliumError):
    """The run has ended; another worker or the driver reports why."""


def lacks(version: str, uri: str) -> str | None:
    """What keeps this process from being a worker of a client of that version, in words; ``None`` if nothing does."""
    if version != VERSION:
        return f"it has allium-market-data {VERSION}, and this is {version}"
    if not os.environ.get("ALLIUM_API_KEY"):
        return "it has no ALLIUM_API_KEY in its environment: set it there, before the worker starts"
    try:
        require("deltalake", "store")
        Table(uri)
    except AlliumError as error:
        return f"{error} (every worker must reach the table where the client does)"
    return None


def land(order: Order, group: tuple[Task, ...]) -> Landed:
    """Fetch what of the group the table lacks, and commit what came whole.

    Run again, because its worker died after the commit and before it could say so, it finds the windows complete.
    """
    scheduler = Line(get_worker(), order.run)
    over, gone = scheduler.ask("state").result()
    if over:
        return Landed()
    table = Table(order.uri)
    group = tuple(task for task in group if task.series[1] not in gone)
    work = Work(order, scheduler, {task: _left(table, task) for task in group})
    pieces: list[Piece] = []
    if any(work.left.values()):
        with MarketData(
            None,
            order.base_url,
            timeout=order.timeout,
            max_concurrency=order.concurrency,
            retry=order.retry,
            allow_insecure=True,  # whoever gave the order was asked already
        ) as client:
            pieces = client.call(work.fetch)
    rows = table.land(pieces) if pieces else 0
    return Landed(tuple(task for task in group if task not in work.short), rows, tuple(work.failures))


def _left(table: Table, task: Task) -> list[Task]:
    complete = table.coverage.complete.get(task.series, ())
    return [Task(task.series, span) for span in without(task.span, complete)]


@dataclass
class Line:
    """From the thread of a task to the pace on the scheduler, through the worker's own event loop."""

    worker: Any
    run: str

    def ask(self, what: str, **told: Any) -> Future[Any]:
        """Ask the pace; the answer comes. It is an ``OSError`` where the scheduler is gone."""
        asked = getattr(self.worker.scheduler, f"allium_{what}")

        async def asking() -> Any:
            return await asked(run=self.run, **told)

        return asyncio.run_coroutine_threadsafe(asking(), self.worker.loop.asyncio_loop)


@dataclass
class Work:
    """A group being fetched: what is left of each of its windows, and which of them came short."""

    order: Order
    scheduler: Line
    left: dict[Task, list[Task]]
    short: set[Task] = field(default_factory=set)
    failures: list[AlliumError] = field(default_factory=list)

    async def fetch(self, inner: AsyncMarketData) -> list[Piece]:
        """Everything that came whole."""
        client = inner.sibling(self.toll)
        work = [self.one(client, task, part) for task in self.left for part in self.left[task]]
        try:
            async with asyncio.TaskGroup() as together:
                tasks = [together.create_task(one) for one in work]
            return [piece for task in tasks if (piece := task.result()) is not None]
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0]
        finally:
            await client.aclose()
        raise failure

    async def one(self, client: AsyncMarketData, task: Task, part: Task) -> Piece | None:
        """A piece, or ``None`` where it failed. A failure that the next request would meet too ends the whole run."""
        try:
            return await fetch_piece(client, part)
        except _RunOverError:
            pass
        except NotFoundError as error:
            self.failures.append(error)
            await self.tell("lost", markets=[task.series[1]])
        except AlliumError as error:
            self.failures.append(error)
            await self.tell("stop")
        self.short.add(task)
        return None

    async def toll(self) -> None:
        """Wait for the cluster's next turn."""
        answer = await self.tell("turn")
        if answer == SPENT:
            raise exhausted(self.order.max_requests or 0)
        if answer != GO:
            raise _RunOverError("the run is over")

    async def tell(self, what: str, **told: Any) -> Any:
        """Ask the pace, from the client's loop."""
        try:
            return await asyncio.wrap_future(self.scheduler.ask(what, **told))
        except OSError as error:
            raise StoreError(f"the Dask scheduler is gone: {error}") from None

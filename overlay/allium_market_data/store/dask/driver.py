"""The same backfill on Dask: groups of windows are Dask's tasks, workers fetch and commit, one pace holds over all.

Here is the client's part: look at the cluster, hand out the groups, count what comes back. ``landing`` is what a worker
does with a group, ``pace`` what the scheduler says to each request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client, Future, Security, as_completed
from distributed.comm import connect
from distributed.scheduler import KilledWorker

from ...client.async_client import AsyncMarketData
from ...client.settings import Settings
from ...client.sync_client import MarketData
from ...errors import AlliumError, NotFoundError, StoreError, UsageError
from ...version import VERSION
from ..fetch import exhausted
from ..plan import Task, grouped
from ..runner import Progress, Report
from ..table import Table
from .rate_limiter import Pace
from .worker import Landed, Order, lacks, land

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer."""

PATIENCE = 30.0
"""Seconds to wait for a first worker, and for another where all have died."""

SHARE = 4
"""Groups for each thread of the cluster, at least, where there are as many windows: so that all end at about one time."""


@contextmanager
def joined(address: str) -> Iterator[Any]:
    """For a command: a client of the cluster whose scheduler is at ``address``. Raises ``StoreError`` where none answers."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told once, by us
    try:
        asyncio.run(_knock(address))
        dask = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, MemoryError) as error:  # what is no scheduler may say anything
        raise StoreError(f"no Dask scheduler at {address}: {_brief(error)}") from None
    with dask:
        yield dask


async def _knock(address: str) -> None:
    """See whether a scheduler answers: a client would wait without end for one that only listens."""
    secured = Security().get_connection_args("client")
    reached = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS, **secured), CONNECT_SECONDS + 1)
    await reached.close()


def spread(
    dask: Any,
    table: Table,
    tasks: list[Task],
    client: MarketData,
    at: Progress,
    report: Report,
    max_requests: int | None,
    commit_rows: int,
) -> Progress:
    """Do the tasks on a cluster. Raises the first failure, after the groups under way have ended.

    Raises ``UsageError`` for a cluster that cannot do it, before anything is asked, and ``StoreError`` when it is lost.
    """
    if not isinstance(dask, Client) or dask.asynchronous:
        raise UsageError(f"dask must be a distributed.Client that is not asynchronous, not {type(dask).__name__}")
    if table.options:
        raise UsageError("with dask, the workers take the storage options from their environment: leave them out")
    uri = table.uri if "://" in table.uri else os.path.abspath(table.uri)  # noqa: PTH100 - a URI is no path
    with _reported(dask):
        threads = _threads(dask)
        _check(dask, uri)
    if not tasks:
        return at
    told: Settings = client.call(_settings)
    run = uuid.uuid4().hex[:12]
    order = Order(run, uri, told.base_url, told.timeout, told.max_concurrency, told.retry, max_requests)
    with _reported(dask):
        dask.register_plugin(Pace())
    _ask(dask, "begin", run=run, client=dask.id, rate=told.max_rate, most=max_requests)
    wanted = list(affordable(tasks, max_requests))
    rows = min(commit_rows, sum(task.buckets for task in wanted) // (SHARE * threads))
    at = Collecting(dask, run, at, report).collect(order, list(grouped(wanted, rows)))
    if max_requests is not None and len(wanted) < len(tasks):
        raise exhausted(max_requests)
    return at


def affordable(tasks: list[Task], most: int | None) -> Iterator[Task]:
    """The first tasks, as many as so many requests are expected to do: one begun and not ended would be for nothing. Pure."""
    spent = 0
    for task in tasks:
        spent += task.requests
        if most is not None and spent > most:
            return
        yield task


class Collecting:
    """The groups of one run, out on the cluster, and what came back of them."""

    def __init__(self, dask: Any, run: str, at: Progress, report: Report) -> None:
        self.dask, self.run, self.at, self.report = dask, run, at, report
        self.began = time.monotonic()
        self.failure: AlliumError | None = None
        self.gone: AlliumError | None = None

    def collect(self, order: Order, groups: list[tuple[Task, ...]]) -> Progress:
        """Hand the groups out and wait for them all. On the way out, whatever it was, what is left is called off."""
        futures: list[Any] = []
        try:
            for index, group in enumerate(groups):
                name = f"allium-backfill-{self.run}-{index}"
                with _reported(self.dask):
                    futures.append(self.dask.submit(land, order, group, key=name, pure=False))
            for future in self._arriving(futures):
                self._take(future)
        finally:
            with suppress(OSError, ValueError, StoreError):  # a cluster that is gone does nothing any more
                self.dask.cancel(futures, reason="the backfill has ended", msg=False)
                _ask(self.dask, "end", run=self.run)
        if failure := self.failure or self.gone:
            raise failure
        return self.at

    def _arriving(self, futures: list[Any]) -> Iterator[Any]:
        """The futures as they end. Raises ``StoreError`` when no worker is left to do them."""
        arriving = as_completed(futures)
        looked = manned = time.monotonic()
        while arriving.count():
            if arriving.has_ready():
                future = next(arriving)
                if future.status in ("lost", "pending"):  # its worker died before the answer was read: it is done again
                    arriving.add(future)
                else:
                    yield future
                continue
            time.sleep(0.05)
            now = time.monotonic()
            if now - looked > 1:
                looked = now
                with _reported(self.dask):
                    manned = now if self.dask.nthreads() else manned
            if now - manned > PATIENCE:
                raise StoreError(f"no worker is left at {_address(self.dask)}: the same call goes on where it ended")

    def _take(self, future: Future) -> None:
        if future.status != "finished":
            self.failure = self.failure or _lost(future)
            _ask(self.dask, "stop", run=self.run)
            return
        landed: Landed = future.result()
        for failure in landed.failures:
            if isinstance(failure, NotFoundError):
                self.gone = self.gone or failure  # the other markets are none the worse for it
            else:
                self.failure = self.failure or failure
        requests = _ask(self.dask, "sent", run=self.run)
        self.at = self.at.plus(landed.tasks, landed.rows, requests, self.began)
        self.report(self.at)


def _lost(future: Any) -> AlliumError:
    if future.status in ("cancelled", "lost"):
        return StoreError("the Dask scheduler gave the windows up: the same call goes on where it ended")
    error = future.exception()
    if isinstance(error, AlliumError):
        return error
    if isinstance(error, KilledWorker):
        return StoreError("several workers died over one group of windows, perhaps for want of memory: see their logs")
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return StoreError(f"a group of windows failed on the cluster: {said:.300} (what was committed stays)")


def _threads(dask: Any) -> int:
    """How many groups the cluster does at a time. Raises ``UsageError`` where it has no worker and gets none soon."""
    with suppress(TimeoutError):
        dask.wait_for_workers(1, timeout=PATIENCE)
    threads: int = sum(dask.nthreads().values())
    if not threads:
        raise UsageError(f"no worker is at {_address(dask)}: start some with dask worker ADDRESS")
    return threads


def _check(dask: Any, uri: str) -> None:
    """Raise ``UsageError`` when the scheduler or a worker cannot do its part."""
    try:
        version = dask.run_on_scheduler(_version)
    except Exception as error:  # noqa: BLE001 - whatever its Python says when it is asked for this package
        raise UsageError(f"the scheduler cannot use allium-market-data {VERSION}: {_brief(error)}") from None
    if version != VERSION:
        raise UsageError(f"the scheduler has allium-market-data {version}, and this is {VERSION}")
    found = dask.run(lacks, VERSION, uri, on_error="return")
    said = {
        address: problem if isinstance(problem, str) else _brief(problem)
        for address, problem in found.items()
        if problem
    }
    if said:
        address, problem = next(iter(said.items()))
        raise UsageError(f"{len(said)} of {len(found)} workers cannot do this; {address}: {problem}")


def _brief(error: object) -> str:
    said = " ".join(str(error).split()) or "no answer"
    return f"{type(error).__name__}: {said}"[:300]


def _version() -> str:
    from ...version import VERSION

    return VERSION


def _ask(dask: Any, what: str, **told: Any) -> Any:
    """Ask the pace on the scheduler."""

    async def asking() -> Any:
        return await getattr(dask.scheduler, f"allium_{what}")(**told)

    with _reported(dask):
        return dask.sync(asking)


def _address(dask: Any) -> str:
    return str(dask.scheduler.address if dask.scheduler else "the scheduler")


@contextmanager
def _reported(dask: Any) -> Iterator[None]:
    """Turn the loss of the scheduler into ``StoreError``."""
    address = _address(dask)
    try:
        yield
    except OSError as error:
        raise StoreError(f"lost the Dask scheduler at {address}: {_brief(error)}; the same call goes on") from None


async def _settings(inner: AsyncMarketData) -> Settings:
    return inner.settings

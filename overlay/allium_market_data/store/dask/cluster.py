"""A Dask cluster as a caller sees it: connect to it, check that it can run a backfill, and call its rate limiter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client, Security
from distributed.client import ClosedClientError
from distributed.comm import connect

from ...errors import StoreError, UsageError
from ...model.endpoint import Endpoint
from ...version import VERSION
from .worker import worker_problem

CONNECT_SECONDS = 10.0
"""How long to wait for the scheduler's first answer."""

WORKER_SECONDS = 30.0
"""How long to wait for a first worker, and for a new one when all have died."""


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
        raise StoreError(f"no Dask scheduler at {address}: {one_line(error)}") from None
    with dask:
        yield dask


async def _check_scheduler(address: str) -> None:
    """Connect once with a timeout. ``Client`` would wait forever for a server that accepts and never answers."""
    security = Security().get_connection_args("client")
    connection = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS, **security), CONNECT_SECONDS + 1)
    await connection.close()


def count_threads(dask: Client) -> int:
    """The number of groups that the cluster runs at a time. Raises ``UsageError`` if no worker joins in time."""
    with suppress(TimeoutError):
        dask.wait_for_workers(1, timeout=WORKER_SECONDS)
    threads: int = sum(dask.nthreads().values())
    if not threads:
        raise UsageError(f"the scheduler at {address_of(dask)} has no worker: start some with dask worker ADDRESS")
    return threads


def check_workers(dask: Client, uri: str, endpoint: Endpoint) -> None:
    """Raise ``UsageError`` if the scheduler or a worker cannot run a backfill."""
    try:
        version = dask.run_on_scheduler(_read_version)
    except Exception as error:  # noqa: BLE001 - the import of this package may fail there in any way
        raise UsageError(f"the scheduler cannot use allium-market-data {VERSION}: {one_line(error)}") from None
    if version != VERSION:
        raise UsageError(f"the scheduler has allium-market-data {version}, this process {VERSION}: install the same")
    results = dask.run(worker_problem, VERSION, uri, endpoint, on_error="return")
    problems = {
        address: result if isinstance(result, str) else one_line(result)
        for address, result in results.items()
        if result
    }
    if problems:
        address, problem = next(iter(problems.items()))
        raise UsageError(f"{len(problems)} of {len(results)} workers cannot run a backfill; {address}: {problem}")


def one_line(error: object) -> str:
    """The kind and the message of an error, shortened."""
    message = " ".join(str(error).split()) or "no answer"
    return f"{type(error).__name__}: {message}"[:300]


def _read_version() -> str:
    from ...version import VERSION

    return VERSION


def call_limiter(dask: Client, method: str, **arguments: Any) -> Any:
    """Call a method of the rate limiter on the scheduler."""

    async def call() -> Any:
        if dask.scheduler is None:
            raise ClosedClientError("the scheduler has shut down")
        return await getattr(dask.scheduler, f"allium_{method}")(**arguments)

    with scheduler_errors(dask):
        return dask.sync(call)


def address_of(dask: Client) -> str:
    """The address of the scheduler."""
    return str(dask.scheduler.address if dask.scheduler else "an unknown address")


@contextmanager
def scheduler_errors(dask: Client) -> Iterator[None]:
    """Turn the loss or the shutdown of the scheduler into ``StoreError``."""
    address = address_of(dask)
    try:
        yield
    except (OSError, ClosedClientError) as error:
        raise StoreError(f"lost the Dask scheduler at {address}: {one_line(error)}; the same call resumes") from None

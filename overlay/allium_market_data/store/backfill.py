"""Fetch everything that a table is missing of some markets over a span. The same call again resumes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from os import PathLike
from typing import Any

from ..client.plan import plan
from ..client.sync_client import MarketData, run_on_loop
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.times import micros
from ..validation import Instant, check_market, to_instant
from .coverage import Coverage
from .fetch import check_clock, fetch_batch, read_clock, use_client
from .plan import Task, closed_span, plan_missing
from .runner import COMMIT_ROWS, COMMIT_SECONDS, Progress, ProgressCallback, check_budget, ignore_progress, run_tasks
from .table import Table


def backfill(
    markets: str | Iterable[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    table: str | PathLike[str],
    *,
    client: MarketData | None = None,
    dask: Any = None,
    settle: timedelta | None = None,
    max_requests: int | None = None,
    progress: ProgressCallback = ignore_progress,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> Progress:
    """Fetch and commit every closed bucket with start <= ts < end that the table is missing.

    ``table`` is a folder or a URI; it is created if there is none. Rows are committed, together with the record that
    their windows are complete, every ``commit_rows`` rows or ``commit_seconds``. ``dask`` is a ``distributed.Client``: its
    workers read the API key from their environment, share ``max_requests`` and the rate limit of ``client``, and commit.

    A failure of one market (a refusal such as 404 or 422, a value that does not fit, a response that breaks the contract)
    ends that market alone: **see ``failures`` of the result**. Raises ``BudgetError`` if ``max_requests`` is used up,
    ``StoreError`` if the table cannot be used, and ``FetchError`` for a refused key or a server that is down; complete
    windows are committed first.
    """
    check_budget(max_requests)
    names = check_markets(markets)  # a wrong call must not create a table
    with use_client(client) as chosen:
        chosen.plan(interval=interval, start=start, end=end)
        store = Table(table, create=True, storage_options=storage_options)
        tasks = pending_tasks(store.coverage, store.uri, names, interval, start, end, chosen)
        if dask is not None:
            from .dask.driver import run_on_cluster

            return run_on_cluster(dask, store, tasks, chosen, progress, max_requests, commit_rows, settle)
        fetch = partial(fetch_batch, settle=settle)
        limits: dict[str, Any] = {"max_requests": max_requests, "commit_rows": commit_rows}
        return run_tasks(
            chosen,
            tasks,
            fetch,
            store.commit,
            progress,
            commit_seconds=commit_seconds,
            **limits,
        )


def check_markets(markets: str | Iterable[str]) -> list[str]:
    """The markets as a list. Raises ``UsageError``."""
    return [check_market(name) for name in ([markets] if isinstance(markets, str) else markets)]


def pending_tasks(
    coverage: Coverage,
    uri: str,
    markets: list[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    client: MarketData,
) -> list[Task]:
    """The tasks of a backfill of a table with this coverage.

    Raises ``UsageError``, and ``StoreError`` for a clock that is wrong.
    """
    request = plan(OPEN_INTEREST, interval, to_instant(start, "start"), to_instant(end, "end"))
    now = run_on_loop(client, read_clock)
    check_clock(now, coverage, uri)
    span = closed_span(request.interval, micros(request.start), micros(request.end), micros(now))
    return list(plan_missing(markets, request.interval, span, coverage))

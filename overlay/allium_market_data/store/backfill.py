"""Fetch everything that a table is missing of some markets over a span. The same call again resumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from os import PathLike
from typing import Any

from ..client.plan import plan
from ..client.sync_client import MarketData, run_on_loop
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import Interval
from ..model.times import micros
from ..validation import Instant, check_market, to_instant
from .coverage import CommitNote, Coverage, SeriesKey
from .fetch import Budget, check_clock, fetch_batch, read_clock, use_client
from .first_row import find_first_rows
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
    endpoint: Endpoint = OPEN_INTEREST,
    settle: timedelta | None = None,
    max_requests: int | None = None,
    progress: ProgressCallback = ignore_progress,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
    whole_span: bool = False,
    planned: BackfillPlan | None = None,
) -> Progress:
    """Fetch and commit every closed bucket with start <= ts < end that the table is missing.

    ``table`` is a folder or a URI; it is created if there is none. Rows are committed, together with the record that
    their windows are complete, every ``commit_rows`` rows or ``commit_seconds``. ``dask`` is a ``distributed.Client``: its
    workers read the API key from their environment, share ``max_requests`` and the rate limit of ``client``, and commit.

    Where a plan is long, the first row of each market is found by a few requests, and nothing before it is fetched, so those
    windows are not complete. ``whole_span`` fetches them. ``planned`` is the result of ``plan_backfill`` for the same
    arguments, if the caller has it already.

    A failure of one market (a refusal such as 404 or 422, a value that does not fit, a response that breaks the contract)
    ends that market alone: **see ``failures`` of the result**. Raises ``BudgetError`` if ``max_requests`` is used up,
    ``StoreError`` if the table cannot be used, and ``FetchError`` for a refused key or a server that is down; complete
    windows are committed first.
    """
    check_budget(max_requests)
    names = check_markets(markets)  # a wrong call must not create a table
    with use_client(client) as chosen:
        plan(endpoint, interval, to_instant(start, "start"), to_instant(end, "end"))
        store = Table(table, create=True, endpoint=endpoint, storage_options=storage_options)
        todo = planned or plan_backfill(
            *(store.coverage, store.uri, names, interval, start, end, chosen, max_requests),
            whole_span=whole_span,
            endpoint=endpoint,
        )
        record_first_rows(store, todo.first)
        if dask is not None:
            from .dask.driver import run_on_cluster

            budget = Budget(max_requests, todo.requests)
            return run_on_cluster(dask, store, todo.tasks, chosen, progress, budget, commit_rows, settle)
        return run_tasks(
            *(chosen, todo.tasks, partial(fetch_batch, settle=settle), store.commit, progress),
            max_requests=max_requests,
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
            spent=todo.requests,
        )


def check_markets(markets: str | Iterable[str]) -> list[str]:
    """The markets as a list. Raises ``UsageError``."""
    return [check_market(name) for name in ([markets] if isinstance(markets, str) else markets)]


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The tasks of a backfill, where the rows of series begin that were searched for it, and the requests of the search."""

    tasks: list[Task]
    first: Mapping[SeriesKey, int]
    requests: int


def plan_backfill(
    coverage: Coverage,
    uri: str,
    markets: list[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    client: MarketData,
    max_requests: int | None = None,
    *,
    whole_span: bool = False,
    endpoint: Endpoint = OPEN_INTEREST,
) -> BackfillPlan:
    """What a backfill of a table with this coverage does.

    Raises ``UsageError``, ``StoreError`` for a clock that is wrong, and ``FetchError`` of the search for first rows.
    """
    request = plan(endpoint, interval, to_instant(start, "start"), to_instant(end, "end"))
    now = run_on_loop(client, read_clock)
    check_clock(now, coverage, uri)
    span = closed_span(request.interval, micros(request.start), micros(request.end), micros(now))
    if whole_span:
        return BackfillPlan(list(plan_missing(markets, request.interval, span, coverage, endpoint=endpoint)), {}, 0)
    budget = Budget(max_requests)
    first = find_first_rows(client, markets, request.interval, span, coverage, budget, endpoint)
    begins = {**coverage.first, **first}
    tasks = list(plan_missing(markets, request.interval, span, coverage, begins, endpoint))
    return BackfillPlan(tasks, first, budget.spent)


def record_first_rows(store: Table, first: Mapping[SeriesKey, int]) -> None:
    """Commit where the rows of series begin, so that no later backfill searches for it."""
    if first:
        store.retry(lambda: store.write_note(CommitNote(first=first)))

"""Bring a table up to now, fetch provisional rows again, and look back for restatements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from os import PathLike
from typing import Any

from ..client.fetch import between
from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData, run_on_loop
from ..errors import StoreError, UsageError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, floor
from ..model.times import from_micros, micros
from .compaction import limit_files
from .coverage import Coverage, SeriesKey
from .fetch import check_clock, fetch_confirmed, read_clock, use_client
from .log_cleanup import limit_log
from .merge import FetchedRows, UpdateResult, merge_rows
from .plan import Task
from .runner import COMMIT_ROWS, COMMIT_SECONDS, Progress, ProgressCallback, check_budget, ignore_progress, run_tasks
from .spans import Span, split_by_month, union
from .table import Table

LOOK_BACK = timedelta(days=2)

MAX_SMALL_FILES = 8
"""An update reads the files of its look-back, so it merges them when a month of a series has more small ones."""


def update(
    table: str | PathLike[str],
    *,
    markets: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    endpoint: Endpoint = OPEN_INTEREST,
    look_back: timedelta = LOOK_BACK,
    provisional: bool = False,
    settle: timedelta | None = None,
    client: MarketData | None = None,
    max_requests: int | None = None,
    progress: ProgressCallback = ignore_progress,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> UpdateResult:
    """Fetch every market of a table, or some of them, from the end of its rows to now.

    The last ``look_back`` before that end is fetched again: a changed value is replaced, and both values and both times are
    written to the table of restatements (``TABLE/_restatements``). Provisional rows are fetched again, and deleted if the
    server has dropped them.

    The newest row of the server counts once a later row is there, and a bucket without a row counts as empty once a later row
    is there or it is ``settle`` old (by default 4 days, or 4 buckets). What is later than that stays open, and the next
    update requests it again. A row that comes still later is added, and counted as ``late``.

    With ``provisional`` the running bucket is stored too, marked as provisional. The series that is furthest behind comes
    first. Retired markets and those in ``exclude`` are left out. Commits, raises and reports failures of single markets as
    ``backfill`` does.
    """
    check_budget(max_requests)
    store = Table(table, endpoint=endpoint, storage_options=storage_options)
    store.check_store()
    opened = store.log.version
    with use_client(client) as chosen:
        tasks = pending_tasks(store, chosen, markets, look_back, provisional, exclude)
        fetch = partial(fetch_rows, settle=settle, provisional=provisional)
        limits = max_requests, commit_rows, commit_seconds
        result = merge_tasks(store, chosen, tasks, fetch, progress, *limits)
    if result.written:
        limit_files(store, MAX_SMALL_FILES)
        limit_log(store, opened)
    return result


def merge_tasks(
    store: Table,
    client: MarketData,
    tasks: list[Task],
    fetch: Callable[[LoopClient, Task], Coroutine[Any, Any, FetchedRows]],
    progress: ProgressCallback,
    max_requests: int | None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> UpdateResult:
    """Do the tasks, and merge their rows into the table. The reported progress has the rows so far, by kind."""
    total = UpdateResult()

    def commit(results: list[FetchedRows]) -> int:
        nonlocal total
        result = merge_rows(store, results)
        total += result
        return result.written

    def report(done: Progress) -> None:
        progress(replace(done, changes=total))

    done = run_tasks(
        *(client, tasks, fetch, commit, report),
        max_requests=max_requests,
        commit_rows=commit_rows,
        commit_seconds=commit_seconds,
    )
    return replace(total, requests=done.requests, failures=done.failures)


def pending_tasks(
    store: Table,
    client: MarketData,
    markets: Iterable[str] | None,
    look_back: timedelta,
    provisional: bool,
    exclude: Iterable[str] = (),
) -> list[Task]:
    """The tasks of an update. Raises ``UsageError``, and ``StoreError`` for an unknown market or a wrong clock."""
    if look_back < timedelta(0):
        raise UsageError(f"look_back must not be negative: {look_back}")
    now, coverage = run_on_loop(client, read_clock), store.coverage
    check_clock(now, coverage, store.uri)
    stored = {market for _, market in coverage.keys}
    requested = stored - set(coverage.retired) if markets is None else set(markets)
    excluded = set(exclude)
    if unknown := sorted((requested | excluded) - stored):
        raise StoreError(f"{store.uri} has no {', '.join(unknown)}: add markets with allium-md backfill")
    chosen = frozenset(requested - excluded)
    return plan_update(
        coverage, micros(now), look_back // timedelta(microseconds=1), provisional, chosen, store.endpoint
    )


def plan_update(
    coverage: Coverage,
    now: int,
    look_back: int,
    provisional: bool,
    markets: frozenset[str],
    endpoint: Endpoint = OPEN_INTEREST,
) -> list[Task]:
    """For each series: the complete windows of the last ``look_back``, its provisional rows, and everything since its end.

    The series that is furthest behind comes first. Gaps before the end are left to a backfill.
    """
    tasks = []
    for key in sorted(coverage.keys, key=lambda key: (coverage.end_of(key) or 0, key)):
        if key[1] in markets:
            spans = union(_spans_to_fetch(coverage, key, now, look_back, provisional))
            tasks += [Task(key, part, endpoint) for span in spans for part in split_by_month(span)]
    return tasks


def _spans_to_fetch(coverage: Coverage, key: SeriesKey, now: int, look_back: int, provisional: bool) -> list[Span]:
    width, labels = WIDTHS[key[0]], coverage.provisional.get(key, ())
    complete = coverage.complete.get(key, ())
    starts = (start for start, _ in coverage.forgotten.get(key, ()))
    end = complete[-1][1] if complete else min((*labels, *starts))
    since = floor(end - look_back, width)
    stop = floor(now, width) + (width if provisional else 0)
    looked_back = [(max(start, since), until) for start, until in complete]
    return looked_back + [(label, label + width) for label in labels] + [(end, stop)]


async def fetch_rows(
    client: LoopClient, task: Task, settle: timedelta | None = None, provisional: bool = False
) -> FetchedRows:
    """Fetch a task as rows to merge: the confirmed ones, and the others marked if ``provisional``.

    Raises as a fetch does, and ``PrecisionError``.
    """
    series, confirmed = await fetch_confirmed(client, task, settle)
    if not provisional:
        series = replace(series, columns=between(series.columns, series.start, from_micros(confirmed)))
        task = replace(task, span=(task.span[0], confirmed))
    return await asyncio.to_thread(FetchedRows.of, task, series, confirmed)

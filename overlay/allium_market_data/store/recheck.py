"""Ask again for buckets that were empty when their windows became complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from os import PathLike

from ..client.plan import plan
from ..client.sync_client import MarketData, run_on_loop
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval
from ..model.times import micros
from ..validation import Instant, to_instant
from .backfill import check_markets
from .coverage import SeriesKey
from .fetch import check_clock, read_clock, use_client
from .merge import UpdateResult
from .plan import Task
from .runner import ProgressCallback, check_budget, ignore_progress
from .spans import Span, intersect, split_by_month
from .table import Table
from .update import fetch_rows, merge_tasks


def recheck_gaps(
    markets: str | Iterable[str],
    interval: Interval,
    start: Instant,
    end: Instant,
    table: str | PathLike[str],
    *,
    endpoint: Endpoint = OPEN_INTEREST,
    settle: timedelta | None = None,
    client: MarketData | None = None,
    max_requests: int | None = None,
    progress: ProgressCallback = ignore_progress,
    storage_options: dict[str, str] | None = None,
) -> UpdateResult:
    """Fetch again the buckets with start <= ts < end that complete windows of the table have no row of.

    In each month, everything from the first to the last such bucket is fetched. Rows that the server has by now are added,
    and counted as ``late``; changed values are restated. Commits, raises and reports failures as ``update`` does.
    """
    check_budget(max_requests)
    names = check_markets(markets)
    store = Table(table, endpoint=endpoint, storage_options=storage_options)
    store.check_store()
    with use_client(client) as chosen:
        tasks = pending_tasks(store, names, interval, start, end, chosen)
        return merge_tasks(store, chosen, tasks, partial(fetch_rows, settle=settle), progress, max_requests)


def pending_tasks(
    store: Table, markets: list[str], interval: Interval, start: Instant, end: Instant, client: MarketData
) -> list[Task]:
    """The tasks of a recheck. Raises ``UsageError``, and ``StoreError`` for a clock that is wrong."""
    request = plan(store.endpoint, interval, to_instant(start, "start"), to_instant(end, "end"))
    check_clock(run_on_loop(client, read_clock), store.coverage, store.uri)
    span = micros(request.start), micros(request.end)
    keys: list[SeriesKey] = [(request.interval, market) for market in dict.fromkeys(markets)]
    return [task for key in keys for task in _tasks_of(store, key, span)]


def _tasks_of(store: Table, key: SeriesKey, span: Span) -> Iterator[Task]:
    width = WIDTHS[key[0]]
    for complete in intersect(store.coverage.complete.get(key, ()), span):
        for start, end in split_by_month(complete):
            stored = set(map(micros, next(store.read_rows([(key, (start, end))]))["ts"].to_pylist()))
            if absent := [label for label in range(start, end, width) if label not in stored]:
                yield Task(key, (absent[0], absent[-1] + width), store.endpoint)

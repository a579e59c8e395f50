"""Top a table up to now, look at provisional rows again, and look back for restatements."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from os import PathLike

from ..client.async_client import AsyncMarketData
from ..client.sync_client import MarketData
from ..errors import StoreError, UsageError
from ..model.intervals import WIDTHS, floor
from ..model.times import micros
from .coverage import Coverage, Series
from .fetch import check_clock, fetch, now, opened
from .merge import Amended, Look, amend
from .plan import Task
from .runner import COMMIT_ROWS, COMMIT_SECONDS, Report, check_budget, gather
from .spans import Span, by_month, union
from .table import Table

LOOK_BACK = timedelta(days=2)


def due(coverage: Coverage, now: int, look_back: int, provisional: bool, markets: frozenset[str] | None) -> list[Task]:
    """What an update fetches of each series: what of the last ``look_back`` is complete, provisional rows, what came since.

    Gaps before the end of what is complete are left to a backfill. Pure.
    """
    tasks = []
    for series in sorted({*coverage.complete, *coverage.provisional}):
        if markets is None or series[1] in markets:
            parts = _parts(coverage, series, now, look_back, provisional)
            tasks += [Task(series, part) for span in union(parts) for part in by_month(span)]
    return tasks


def _parts(coverage: Coverage, series: Series, now: int, look_back: int, provisional: bool) -> list[Span]:
    width, loose = WIDTHS[series[0]], coverage.provisional.get(series, ())
    spans = coverage.complete.get(series, ())
    end = spans[-1][1] if spans else min(loose)
    back = floor(end - look_back, width)
    stop = floor(now, width) + (width if provisional else 0)
    again = [(label, label + width) for label in loose]
    return [(max(start, back), until) for start, until in spans] + again + [(end, stop)]


def update(
    table: str | PathLike[str],
    *,
    markets: Iterable[str] | None = None,
    look_back: timedelta = LOOK_BACK,
    provisional: bool = False,
    client: MarketData | None = None,
    max_requests: int | None = None,
    progress: Report | None = None,
    storage_options: dict[str, str] | None = None,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
) -> Amended:
    """Bring every market of a table (or some) from where it ends to now.

    The last ``look_back`` before that end is fetched again: a value that changed is updated, and written to the table of
    restatements (``TABLE/_restatements``) with both values and both times. Provisional rows are fetched again; one that the
    server has no more is taken out. With ``provisional`` the running bucket comes too, marked as such. A market that the
    server does not know any more keeps its rows, and is raised at the end. Commits and raises as ``backfill`` does.
    """
    check_budget(max_requests)
    store, total = Table(table, options=storage_options), Amended()

    def land(looks: list[Look]) -> int:
        nonlocal total
        done = amend(store, looks)
        total += done
        return done.written

    with opened(client) as chosen:
        tasks = topping(store, chosen, markets, look_back, provisional)
        gather(
            *(chosen, tasks, look, land, progress or (lambda _: None)),
            max_requests=max_requests,
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
        )
    return total


def topping(
    store: Table, client: MarketData, markets: Iterable[str] | None, look_back: timedelta, provisional: bool
) -> list[Task]:
    """The tasks that an update would do now. Raises ``UsageError``, and ``StoreError`` for a market or a clock."""
    if look_back < timedelta(0):
        raise UsageError(f"look_back must not be negative: {look_back}")
    moment, coverage = client.call(now), store.coverage
    check_clock(moment, coverage, store.uri)
    wanted = None if markets is None else frozenset(markets)
    there = {market for _, market in (*coverage.complete, *coverage.provisional)}
    if strange := sorted((wanted or frozenset()) - there):
        raise StoreError(f"{store.uri} has no {strange[0]}: begin it with allium-md backfill")
    return due(coverage, micros(moment), look_back // timedelta(microseconds=1), provisional, wanted)


async def look(client: AsyncMarketData, task: Task) -> Look:
    """Fetch a task, and make of it what is to be amended. Raises as a fetch does, and ``PrecisionError``."""
    series = await fetch(client, task)
    return await asyncio.to_thread(Look.of, task, series)

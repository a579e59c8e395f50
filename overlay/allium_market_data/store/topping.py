"""Top a table up to now, look at provisional rows again, and look back for restatements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from os import PathLike

from ..client import AsyncMarketData, MarketData
from ..errors import AlliumError, NotFoundError, StoreError, UsageError
from ..intervals import WIDTHS, floor
from ..times import micros
from .amend import Amended, amend
from .coverage import Coverage
from .fetching import Budget, call, check_clock, exhausted, fetch, opened, own_client
from .filling import AT_A_TIME, check_budget
from .plan import Task
from .spans import by_month
from .table import Table

LOOK_BACK = timedelta(days=2)


def due(coverage: Coverage, now: int, look_back: int, provisional: bool, markets: frozenset[str] | None) -> list[Task]:
    """What an update fetches: of each series the end of what is complete, so far back, and what came since. Pure."""
    tasks = []
    for (interval, market), spans in sorted(coverage.complete.items()):
        if markets is not None and market not in markets:
            continue
        width, end = WIDTHS[interval], spans[-1][1]
        start = max(spans[-1][0], floor(end - look_back, width))
        stop = floor(now, width) + (width if provisional else 0)
        tasks += [Task((interval, market), part) for part in by_month((start, max(end, stop)))]
    return tasks


def update(
    table: str | PathLike[str],
    *,
    markets: Iterable[str] | None = None,
    look_back: timedelta = LOOK_BACK,
    provisional: bool = False,
    client: MarketData | None = None,
    max_requests: int | None = None,
    progress: Callable[[int, int, Amended], None] | None = None,
    storage_options: dict[str, str] | None = None,
) -> Amended:
    """Bring every market of a table (or some) from where it ends to now.

    The last ``look_back`` before that end is fetched again: a value that changed is updated, and written to the table of
    restatements (``TABLE/_restatements``) with both values and both times. Provisional rows are fetched again; with
    ``provisional`` the running bucket comes too, marked as such. A market that the server does not know any more keeps its
    rows, and is raised at the end. Raises what ``backfill`` raises.
    """
    check_budget(max_requests)
    if look_back < timedelta(0):
        raise UsageError(f"look_back must not be negative: {look_back}")
    store = Table(table, options=storage_options)

    async def run(inner: AsyncMarketData) -> Amended:
        now = inner._clock()
        check_clock(now, store.coverage, store.uri)
        wanted = None if markets is None else frozenset(markets)
        if strange := sorted((wanted or frozenset()) - {market for _, market in store.coverage.complete}):
            raise StoreError(f"{store.uri} has no {strange[0]}: begin it with allium-md backfill")
        tasks = due(store.coverage, micros(now), look_back // timedelta(microseconds=1), provisional, wanted)
        return await _update(inner, store, tasks, Budget(max_requests), progress or (lambda *_: None))

    with opened(client) as chosen:
        done: Amended = call(chosen, run)
        return done


async def _update(
    inner: AsyncMarketData, store: Table, tasks: list[Task], budget: Budget, report: Callable[[int, int, Amended], None]
) -> Amended:
    room, writing = asyncio.Semaphore(AT_A_TIME), asyncio.Lock()
    client, total, done = own_client(inner, budget), Amended(), 0

    async def one(task: Task) -> AlliumError | None:
        nonlocal total, done
        async with room:
            if not budget.has_room(task.requests):
                return exhausted(budget.most or 0)
            budget.promised += task.requests
            try:
                series = await fetch(client, task)
            except AlliumError as error:
                return error
            finally:
                budget.promised -= task.requests
            async with writing:
                total += await asyncio.to_thread(amend, store, task, series)
                done += 1
                report(done, len(tasks), total)
        return None

    try:
        failures = [error for error in await asyncio.gather(*map(one, tasks)) if error]
    finally:
        await client.aclose()
    if failures:
        raise next((error for error in failures if not isinstance(error, NotFoundError)), failures[0])
    return total

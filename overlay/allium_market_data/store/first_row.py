"""Find the first row of a market by a few requests, so that a backfill does not request years before its listing.

A search cannot prove that nothing is before the row that it finds: a market may have been listed, delisted and listed again.
So the windows before the row do not become complete. The table records where the rows begin, and says so to a reader who asks
for more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..client.loop_client import LoopClient
from ..client.sync_client import MarketData, run_on_loop
from ..errors import AlliumError, BudgetError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import WIDTHS, Interval, floor
from ..model.times import from_micros, micros
from .coverage import Coverage, SeriesKey
from .failures import Failures, Scope
from .fetch import Budget
from .plan import Task
from .spans import Span, subtract

LONG_PLAN = 40
"""A search takes fewer requests than this, so a series with fewer planned ones is not searched."""


def probe_interval(endpoint: Endpoint) -> Interval:
    """The coarsest interval that fits into one request several times."""
    operation = endpoint.operation
    fitting = [name for name in WIDTHS if name in operation.intervals and 4 * WIDTHS[name] <= operation.window_cap]
    return max(fitting, key=lambda name: WIDTHS[name])


def find_first_rows(
    client: MarketData,
    markets: Sequence[str],
    interval: Interval,
    span: Span,
    coverage: Coverage,
    budget: Budget,
    endpoint: Endpoint = OPEN_INTEREST,
) -> dict[SeriesKey, int]:
    """Where the rows of each series begin in ``span``, for those that a search is worth while for, and that it finds.

    A budget limits the number of searches, so that each can end. An error of one market is left to the fetch of its rows.
    Raises what ends the run.
    """
    keys = [key for market in dict.fromkeys(markets) if is_long(key := (interval, market), span, coverage, endpoint)]
    keys = keys if budget.limit is None else keys[: budget.limit // LONG_PLAN]
    if not keys:
        return {}

    async def search_all(caller: LoopClient) -> dict[SeriesKey, int]:
        own = caller.clone(budget.spend)
        try:
            return await _search_all(own, keys, span, endpoint)
        finally:
            await own.aclose()

    return run_on_loop(client, search_all)


async def _search_all(
    client: LoopClient, keys: Sequence[SeriesKey], span: Span, endpoint: Endpoint
) -> dict[SeriesKey, int]:
    """The results of all searches. After a 5xx, a series is searched again alone, because the client shares such an error."""
    failures, first = Failures(), dict[SeriesKey, int]()

    async def search(key: SeriesKey) -> int | AlliumError | None:
        try:
            return await _search(client, key, span, endpoint)
        except AlliumError as error:
            return error

    def record(key: SeriesKey, result: int | AlliumError | None, *, is_alone: bool) -> Scope | None:
        if isinstance(result, BudgetError):
            return None
        if isinstance(result, AlliumError):
            scope = failures.record(key, result, is_alone=is_alone)
            if scope is Scope.RUN:
                raise result
            return scope
        failures.record_answer(key)
        if result is not None and result > span[0]:
            first[key] = result
        return None

    results = zip(keys, await asyncio.gather(*map(search, keys)), strict=True)
    for key in [key for key, result in results if record(key, result, is_alone=False) is Scope.UNKNOWN]:
        record(key, await search(key), is_alone=True)
    return first


def is_long(key: SeriesKey, span: Span, coverage: Coverage, endpoint: Endpoint = OPEN_INTEREST) -> bool:
    """True if many requests are planned for a series that was not searched before."""
    missing = () if key in coverage.first else subtract(span, coverage.complete.get(key, ()))
    return sum(Task(key, part, endpoint).requests for part in missing) > LONG_PLAN


async def _search(client: LoopClient, key: SeriesKey, span: Span, endpoint: Endpoint = OPEN_INTEREST) -> int | None:
    """A bucket of the series at or a little before its first row, by bisection. None if the span does not end with rows."""
    probe, width = probe_interval(endpoint), WIDTHS[key[0]]
    bucket = WIDTHS[probe]
    reach = (endpoint.operation.window_cap // bucket - 2) * bucket

    async def first_label(start: int) -> int | None:
        """The first label in the buckets that one request from ``start`` on has."""
        series = await client.series(endpoint, key[1], probe, from_micros(start), from_micros(start + reach))
        return micros(series.columns.ts[0]) if series else None

    low, high = floor(span[0], bucket), floor(span[1], bucket) + bucket - reach
    if await first_label(low) is not None or await first_label(high) is None:
        return None
    low += reach
    while high - low > reach:
        middle = floor((low + high - reach) // 2, bucket)
        label = await first_label(middle)
        if label is None:
            low = middle + reach
        else:
            high = middle
            if label > middle + bucket:
                low = high = label - bucket
    return max(span[0], floor(low, width))

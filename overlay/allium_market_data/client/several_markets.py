"""The fetch of one market or of several at once, and what becomes of the errors of some of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar, get_args

from ..errors import AuthenticationError, FetchError, UsageError
from ..series.by_market import ByMarket
from ..validation import check_choice, check_market
from .circuit import Call
from .plan import Errors
from .short_traceback import shorten

T = TypeVar("T")

Fetch = Callable[[str, Call], Awaitable[T]]
"""Fetches one market, as part of a call."""


async def fetch_markets(
    market_id: str | Iterable[str], errors: Errors, call: Call, at_once: int, fetch: Fetch[T]
) -> T | ByMarket[T]:
    """What ``fetch`` returns for the market, or for each of several, of which at most ``at_once`` are under way.

    Raises ``UsageError`` for a market that cannot be one, and a ``FetchError`` without the frames that it passed through.
    """
    check_choice("errors", errors, get_args(Errors))
    is_one = isinstance(market_id, str) or not isinstance(market_id, Iterable)
    if is_one and errors != "raise":
        raise UsageError(f"errors={errors!r} is for several markets: pass a list")
    try:
        if is_one:
            return await fetch(check_market(market_id), call)
        markets = list(dict.fromkeys(map(check_market, market_id)))
        call.expect(len(markets))
        return await _fetch_several(markets, errors, call, at_once, fetch)
    except FetchError as error:
        raise shorten(error) from error.__cause__


async def _fetch_several(
    market_ids: list[str], errors: Errors, call: Call, at_once: int, fetch: Fetch[T]
) -> ByMarket[T]:
    """A few markets at a time, to bound the rows that wait in memory. The first failure ends all, unless collected."""
    slots, failed = asyncio.Semaphore(at_once), dict[str, FetchError]()

    async def fetch_one(market_id: str) -> T | None:
        async with slots:
            try:  # an error ends its call, so a market whose error is collected has a call of its own
                return await fetch(market_id, call if errors == "raise" else Call(call.deadline, call.tracker))
            except FetchError as error:
                if errors == "raise" or isinstance(error, AuthenticationError):
                    raise
                failed[market_id] = shorten(error)
                return None

    tasks: dict[str, asyncio.Task[T | None]] = {}
    try:
        async with asyncio.TaskGroup() as group:
            tasks |= {market_id: group.create_task(fetch_one(market_id)) for market_id in market_ids}
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
        tasks.clear()  # cancelled tasks keep their frames, and some of those hold the header with the key
    else:
        results = [(market_id, task.result()) for market_id, task in tasks.items()]
        fetched = [(market_id, result) for market_id, result in results if result is not None]
        return ByMarket(fetched, [(market_id, failed[market_id]) for market_id in market_ids if market_id in failed])
    raise failure

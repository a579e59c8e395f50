"""The asynchronous client, ``AsyncMarketData``. The synchronous one runs it on a loop in a thread: see `sync_client`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self, overload

from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..model.times import now
from ..model.windows import Plan
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_choice, check_market
from .api_key import ApiKey
from .circuit import Call
from .plan import By, plan_open_interest
from .retry import RetryPolicy
from .series_fetch import SeriesFetch, iter_rows, start_call
from .settings import Settings, check_settings

if TYPE_CHECKING:
    from .http import Connections
    from .transport import Transport


class AsyncMarketData:
    """A client of the Market Data API for asyncio.

    ``api_key`` and ``base_url`` default to the environment variables ``ALLIUM_API_KEY`` and ``ALLIUM_BASE_URL``, and the URL
    then to the server of the specification. ``timeout`` bounds one request, in seconds, up to the last byte of its
    response. At most ``max_concurrency`` requests are in flight, and at most ``max_rate`` a second are sent, retries
    included. Plain ``http`` is refused except for this machine, unless ``allow_insecure``.

    Use it with ``async with``, or call ``aclose()``. An instance belongs to one event loop.
    """

    _http: Connections | None = None
    _clock: Callable[[], datetime] = staticmethod(now)
    _before_request: Callable[[], Awaitable[None]] | None = None

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = 30.0,
        max_concurrency: int = 8,
        max_rate: float | None = None,
        retry: RetryPolicy | None = None,
        allow_insecure: bool = False,
    ) -> None:
        key = ApiKey(api_key)
        del api_key  # a traceback of a wrong argument shows the variables of this frame
        self._settings = check_settings(key, base_url, timeout, max_concurrency, max_rate, retry, allow_insecure)
        self._transport: Transport | None = None

    @classmethod
    def _from_settings(cls, settings: Settings) -> Self:
        client = cls.__new__(cls)
        client._settings, client._transport = settings, None
        return client

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)  # missing in a traceback out of __init__
        return f"{type(self).__name__}(base_url={settings and settings.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection. A closed client may be used again; it connects anew."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            await transport.aclose()

    @property
    def base_url(self) -> str:
        """The URL of the server."""
        return self._settings.base_url

    def plan(self, *, interval: Interval, start: Instant, end: Instant) -> Plan:
        """The requests that a fetch sends if no response is short: ordered, sized and lazy. Sends nothing.

        Raises ``UsageError`` for a wrong argument.
        """
        return plan_open_interest(interval, start, end)

    @overload
    async def open_interest(  # type: ignore[overload-overlap]  # str is an iterable of str too, and is one market here
        self, market_id: str, *, interval: Interval, start: Instant, end: Instant, deadline: float | None = None
    ) -> OpenInterestSeries: ...
    @overload
    async def open_interest(
        self,
        market_id: Iterable[str],
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        deadline: float | None = None,
    ) -> dict[str, OpenInterestSeries]: ...
    async def open_interest(
        self,
        market_id: str | Iterable[str],
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        deadline: float | None = None,
    ) -> OpenInterestSeries | dict[str, OpenInterestSeries]:
        """Every row of the market with start <= ts < end, once, ascending, each the value of its whole bucket.

        Several markets give a mapping from market to series, in their order, each once. ``start`` and ``end`` are datetimes
        (naive means UTC) or ISO 8601 text. ``deadline`` bounds the whole call, in seconds; the ``DeadlineExceededError``
        then says how far it got.

        Source: ``GET /api/v1/markets/{market_id}/perps/open_interest``.

        Raises ``UsageError`` for a wrong argument, before the first request, and ``FetchError`` if the rows cannot be fetched
        completely.
        """
        requests, call = plan_open_interest(interval, start, end), start_call(deadline)
        if isinstance(market_id, str):
            return await self._series_fetch(check_market(market_id), requests, call).fetch_all()
        if not isinstance(market_id, Iterable):
            check_market(market_id)
        return await self._fetch_several(list(dict.fromkeys(map(check_market, market_id))), requests, call)

    @overload
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        by: Literal["row"] = "row",
        deadline: float | None = None,
    ) -> AsyncGenerator[OpenInterest, None]: ...
    @overload
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        by: Literal["page"],
        deadline: float | None = None,
    ) -> AsyncGenerator[OpenInterestSeries, None]: ...
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        by: By = "row",
        deadline: float | None = None,
    ) -> AsyncGenerator[OpenInterest, None] | AsyncGenerator[OpenInterestSeries, None]:
        """The rows of ``open_interest`` in order as they arrive, in bounded memory: row by row, or in pages of up to 5,000.

        The rows yielded so far are complete; an error is raised after the last row before it. ``deadline`` begins now, and
        includes the time that the reader takes.

        Raises ``UsageError`` for a wrong argument at once, and ``FetchError`` while iterating.
        """
        check_choice("by", by, ("row", "page"))
        pages = self._pages(check_market(market_id), plan_open_interest(interval, start, end), start_call(deadline))
        return pages if by == "page" else iter_rows(pages)

    def _pages(self, market_id: str, requests: Plan, call: Call) -> AsyncGenerator[OpenInterestSeries, None]:
        return self._series_fetch(market_id, requests, call).pages()

    def _series_fetch(self, market_id: str, requests: Plan, call: Call) -> SeriesFetch:
        if self._transport is None:
            from .transport import Transport

            self._transport = Transport(self._settings, self._http, self._before_request)
        return SeriesFetch(OPEN_INTEREST, market_id, requests, self._transport, self._settings, self._clock, call)

    async def _fetch_several(self, market_ids: list[str], requests: Plan, call: Call) -> dict[str, OpenInterestSeries]:
        """A few markets at a time, to bound the rows that wait in memory. The first failure ends all."""
        slots = asyncio.Semaphore(self._settings.max_concurrency)

        async def fetch(market_id: str) -> OpenInterestSeries:
            async with slots:
                return await self._series_fetch(market_id, requests, call).fetch_all()

        tasks: dict[str, asyncio.Task[OpenInterestSeries]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                tasks |= {market_id: group.create_task(fetch(market_id)) for market_id in market_ids}
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0]
            tasks.clear()  # cancelled tasks keep their frames, and some of those hold the header with the key
        else:
            return {market_id: task.result() for market_id, task in tasks.items()}
        raise failure

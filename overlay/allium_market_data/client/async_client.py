"""The asynchronous client, ``AsyncMarketData``. The synchronous one runs it on a loop in a thread: see `sync_client`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self, overload

from ..errors import ErrorContext, IncompleteError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..model.times import now, to_iso
from ..model.windows import Plan
from ..series.by_market import ByMarket
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_choice, check_market
from .api_key import ApiKey
from .circuit import Call
from .plan import By, Errors, plan_latest, plan_open_interest
from .progress import OnProgress
from .retry import RetryPolicy
from .series_fetch import S, SeriesFetch, iter_rows, start_call
from .settings import Settings, check_settings
from .several_markets import fetch_markets
from .short_traceback import shortened

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

    def plan(self, *, interval: Interval, start: Instant, end: Instant | None = None) -> Plan:
        """The requests that a fetch sends if no response is short: ordered, sized and lazy. Sends nothing.

        Raises ``UsageError`` for a wrong argument.
        """
        return plan_open_interest(interval, start, end)

    @overload
    async def open_interest(  # type: ignore[overload-overlap]  # str is an iterable of str too, and is one market here
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> OpenInterestSeries: ...
    @overload
    async def open_interest(
        self,
        market_id: Iterable[str],
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        errors: Errors = "raise",
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> ByMarket[OpenInterestSeries]: ...
    async def open_interest(
        self,
        market_id: str | Iterable[str],
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        errors: Errors = "raise",
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> OpenInterestSeries | ByMarket[OpenInterestSeries]:
        """Every row of the market with start <= ts < end, once, ascending, each the value of its whole bucket.

        Several markets give a dictionary from market to series, in their order, each once. ``start`` and ``end`` are
        datetimes (naive means UTC), dates, ISO 8601 text, ``"now"`` or a time before now like ``"-7d"``; without ``end``
        the rows until now. ``deadline`` bounds the whole call, in seconds; the ``DeadlineExceededError`` then says how far
        it got.

        With ``errors="collect"`` one market that fails does not lose the others: it is missing in the dictionary, whose
        ``errors`` has its error. A refused API key is raised all the same.

        ``progress`` gets a ``FetchProgress`` after each page, in the thread of the event loop; it must return quickly. An error
        that it raises ends the call.

        Source: the operation ``open_interest`` of the specification.

        Raises ``UsageError`` for a wrong argument, before the first request, and ``FetchError`` if the rows cannot be fetched
        completely.
        """
        requests = plan_open_interest(interval, start, end)
        call = start_call(deadline, progress, len(requests))
        return await self._series(OPEN_INTEREST, OpenInterestSeries, market_id, requests, errors, call)

    async def _series(
        self,
        endpoint: Endpoint,
        kind: type[S],
        market_id: str | Iterable[str],
        requests: Plan,
        errors: Errors,
        call: Call,
    ) -> S | ByMarket[S]:
        """The series of an endpoint for the market, or for each of several."""

        async def fetch(each: str, own: Call) -> S:
            return await self._series_fetch(endpoint, kind, each, requests, own).fetch_all()

        return await fetch_markets(market_id, errors, call, self._settings.max_concurrency, fetch)

    @overload
    async def latest(  # type: ignore[overload-overlap]  # str is an iterable of str too, and is one market here
        self, market_id: str, *, interval: Interval = "1m", deadline: float | None = None
    ) -> OpenInterest: ...
    @overload
    async def latest(
        self,
        market_id: Iterable[str],
        *,
        interval: Interval = "1m",
        errors: Errors = "raise",
        deadline: float | None = None,
    ) -> ByMarket[OpenInterest]: ...
    async def latest(
        self,
        market_id: str | Iterable[str],
        *,
        interval: Interval = "1m",
        errors: Errors = "raise",
        deadline: float | None = None,
    ) -> OpenInterest | ByMarket[OpenInterest]:
        """The latest row of the market, as its record: of the bucket that has begun last, which is usually provisional.

        Several markets give a dictionary from market to row, in their order, each once; ``errors`` and ``deadline`` are
        those of ``open_interest``. A row is looked for in the last 60 buckets, then in the longest window of one request.

        Source: as ``open_interest``. Raises ``UsageError`` for a wrong argument, ``FetchError`` if the rows cannot be fetched,
        and ``IncompleteError`` if there are none.
        """
        call, plans = start_call(deadline), plan_latest(OPEN_INTEREST, interval, self._clock())

        async def last_row(market: str, own: Call) -> OpenInterest:
            for requests in plans:
                if rows := await self._series_fetch(
                    OPEN_INTEREST, OpenInterestSeries, market, requests, own
                ).fetch_all():
                    return rows[-1]
            raise IncompleteError(f"the server has no row since {to_iso(plans[-1].start)}", ErrorContext(market))

        return await fetch_markets(market_id, errors, call, self._settings.max_concurrency, last_row)

    @overload
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        by: Literal["row"] = "row",
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> AsyncGenerator[OpenInterest, None]: ...
    @overload
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        by: Literal["page"],
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> AsyncGenerator[OpenInterestSeries, None]: ...
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant | None = None,
        by: By = "row",
        deadline: float | None = None,
        progress: OnProgress | None = None,
    ) -> AsyncGenerator[OpenInterest, None] | AsyncGenerator[OpenInterestSeries, None]:
        """The rows of ``open_interest`` in order as they arrive, in bounded memory: row by row, or in pages of one response.

        The rows yielded so far are complete; an error is raised after the last row before it. ``deadline`` begins now, and
        includes the time that the reader takes. ``progress`` is that of ``open_interest``.

        Raises ``UsageError`` for a wrong argument at once, and ``FetchError`` while iterating.
        """
        check_choice("by", by, ("row", "page"))
        market, requests = check_market(market_id), plan_open_interest(interval, start, end)
        call = start_call(deadline, progress, len(requests))
        pages = self._pages(OPEN_INTEREST, OpenInterestSeries, market, requests, call)
        return pages if by == "page" else iter_rows(pages)

    def _pages(
        self, endpoint: Endpoint, kind: type[S], market_id: str, requests: Plan, call: Call
    ) -> AsyncGenerator[S, None]:
        return shortened(self._series_fetch(endpoint, kind, market_id, requests, call).pages())

    def _series_fetch(
        self, endpoint: Endpoint, kind: type[S], market_id: str, requests: Plan, call: Call
    ) -> SeriesFetch[S]:
        if self._transport is None:
            from .transport import Transport

            self._transport = Transport(self._settings, self._http, self._before_request)
        return SeriesFetch(endpoint, kind, market_id, requests, self._transport, self._settings, self._clock, call)

"""What a user calls: ``MarketData``, and ``AsyncMarketData`` for asyncio programs. Both are the same client.

The asynchronous client is the client. The synchronous one hands each call to it, on an event loop in a thread of its own,
so it works in scripts, in threads, after a fork, and inside a running loop such as a notebook's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self, TypeVar, overload

from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST, Endpoint
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..model.times import now
from ..model.windows import Plan
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_market, to_instant
from .api_key import ApiKey
from .circuit import Call
from .plan import plan
from .retry import RetryPolicy
from .series_fetch import SeriesFetch, iter_rows, start_call
from .settings import Settings, check_settings

if TYPE_CHECKING:
    from .http import Connections
    from .transport import Transport

T = TypeVar("T")

By = Literal["row", "page"]


def _plan(resource: Endpoint, interval: Interval, start: Instant, end: Instant) -> Plan:
    return plan(resource, interval, to_instant(start, "start"), to_instant(end, "end"))


class AsyncMarketData:
    """A client of the Market Data API for asyncio.

    ``api_key`` and ``base_url`` default to the environment's ``ALLIUM_API_KEY`` and ``ALLIUM_BASE_URL``, and the URL then to
    the specification's server. ``timeout`` bounds one request, in seconds, from asking to the last byte. At most
    ``max_concurrency`` requests are under way at a time, and at most ``max_rate`` a second are sent, retries included. Plain
    ``http`` is for this machine only, unless ``allow_insecure``.

    Use it with ``async with``, or call ``aclose()``. One instance belongs to one event loop.
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
        del api_key  # the traceback of a wrong argument shows this frame's variables
        self._settings = check_settings(key, base_url, timeout, max_concurrency, max_rate, retry, allow_insecure)
        self._transport: Transport | None = None

    @classmethod
    def _from_settings(cls, told: Settings) -> Self:
        client = cls.__new__(cls)
        client._settings, client._transport = told, None
        return client

    def __repr__(self) -> str:
        told = getattr(self, "_settings", None)  # a traceback out of __init__ describes what is not made yet
        return f"{type(self).__name__}(base_url={told and told.base_url!r})"

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
    def settings(self) -> Settings:
        """What this client was made with; the key is in it, and nothing shows it."""
        return self._settings

    def now(self) -> datetime:
        """The time by which buckets are over or provisional, UTC."""
        return self._clock()

    def server_time(self) -> datetime | None:
        """When the last answer was sent by the server's own clock, UTC; None where none came or none says so."""
        return None if self._transport is None else self._transport.server_time

    def sibling(self, before_request: Callable[[], Awaitable[None]] | None = None) -> Self:
        """A client with the same settings and connections of its own. Awaits ``before_request`` before each request."""
        client = self._from_settings(self._settings)
        client._http, client._clock, client._before_request = self._http, self._clock, before_request
        return client

    def plan(self, *, interval: Interval, start: Instant, end: Instant) -> Plan:
        """The requests that a fetch takes when no answer is short, without asking anything: sized, in order, lazy."""
        return _plan(OPEN_INTEREST, interval, start, end)

    @overload
    async def open_interest(  # type: ignore[overload-overlap]  # text is texts too, and never meant as one
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
        (naive means UTC) or ISO 8601 text. ``deadline`` bounds the whole call, in
        seconds; past it ``DeadlineExceededError`` says how far it got.

        Source: ``GET /api/v1/markets/{market_id}/perps/open_interest``.

        Raises ``UsageError`` for a wrong call, before anything is asked, and ``FetchError`` for a fetch that is not whole.
        """
        wanted, call = _plan(OPEN_INTEREST, interval, start, end), start_call(deadline)
        if isinstance(market_id, str):
            return await self._run(check_market(market_id), wanted, call).fetch_all()
        if not isinstance(market_id, Iterable):
            check_market(market_id)
        return await self._several(list(dict.fromkeys(map(check_market, market_id))), wanted, call)

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
        """The rows of ``open_interest`` in order as they come, in bounded memory: row by row, or in pages of up to 5,000.

        What was handed on is complete as far as it goes; a failure is raised where the rows end. A ``deadline`` begins
        now, and the time that the reader takes counts too.
        """
        if by not in ("row", "page"):
            raise UsageError(f"by must be 'row' or 'page', not {by!r:.80}")
        pages = self._pages(check_market(market_id), _plan(OPEN_INTEREST, interval, start, end), start_call(deadline))
        return pages if by == "page" else iter_rows(pages)

    def _pages(self, market_id: str, wanted: Plan, call: Call) -> AsyncGenerator[OpenInterestSeries, None]:
        return self._run(market_id, wanted, call).pages()

    def _run(self, market_id: str, wanted: Plan, call: Call) -> SeriesFetch:
        if self._transport is None:
            from .transport import Transport

            self._transport = Transport(self._settings, self._http, self._before_request)
        return SeriesFetch(OPEN_INTEREST, market_id, wanted, self._transport, self._settings, self._clock, call)

    async def _several(self, market_ids: list[str], wanted: Plan, call: Call) -> dict[str, OpenInterestSeries]:
        """A few markets at a time, so that their unused rows stay few; the first failure ends all."""
        room = asyncio.Semaphore(self._settings.max_concurrency)

        async def one(market_id: str) -> OpenInterestSeries:
            async with room:
                return await self._run(market_id, wanted, call).fetch_all()

        tasks: dict[str, asyncio.Task[OpenInterestSeries]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                tasks |= {market_id: group.create_task(one(market_id)) for market_id in market_ids}
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0]
            tasks.clear()  # what was cancelled keeps its frames, and some of those hold the header with the key
        else:
            return {market_id: task.result() for market_id, task in tasks.items()}
        raise failure

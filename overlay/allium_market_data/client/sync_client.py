"""The synchronous client, ``MarketData``: each call runs on an asynchronous client, on an event loop in a thread.

It works in scripts, in threads, after a fork, and inside a running loop such as a notebook's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from typing import Any, Literal, Self, TypeVar, overload

from ..errors import FetchError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..model.windows import Plan
from ..series.by_market import ByMarket
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_choice, check_market
from .api_key import ApiKey
from .loop_client import LoopClient
from .loop_thread import LoopThread
from .plan import By, Errors, plan_open_interest
from .progress import OnProgress
from .retry import RetryPolicy
from .series_fetch import start_call
from .settings import check_settings
from .short_traceback import shorten

T = TypeVar("T")


class MarketData:
    """A client of the Market Data API.

    ``api_key`` and ``base_url`` default to the environment variables ``ALLIUM_API_KEY`` and ``ALLIUM_BASE_URL``, and the URL
    then to the server of the specification. ``timeout`` bounds one request, in seconds, up to the last byte of its
    response. At most ``max_concurrency`` requests are in flight, and at most ``max_rate`` a second are sent, retries
    included. Plain ``http`` is refused except for this machine, unless ``allow_insecure``.

    Use it with ``with``, or call ``close()``. Several threads may use one instance at once.
    """

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
        settings = self._settings
        self._loop_thread = LoopThread(lambda: LoopClient._from_settings(settings), LoopClient.aclose)

    def __repr__(self) -> str:
        settings = getattr(self, "_settings", None)  # missing in a traceback out of __init__
        return f"{type(self).__name__}(base_url={settings and settings.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. A closed client may be used again; it connects anew."""
        self._loop_thread.close()

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
    def open_interest(  # type: ignore[overload-overlap]  # str is an iterable of str too, and is one market here
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
    def open_interest(
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
    def open_interest(
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
        options: dict[str, Any] = {
            "interval": interval,
            "start": start,
            "end": end,
            "errors": errors,
            "deadline": deadline,
            "progress": progress,
        }
        fetched: OpenInterestSeries | ByMarket[OpenInterestSeries] = self._call(
            lambda client: client.open_interest(market_id, **options)
        )
        return fetched

    @overload
    def latest(  # type: ignore[overload-overlap]  # str is an iterable of str too, and is one market here
        self, market_id: str, *, interval: Interval = "1m", deadline: float | None = None
    ) -> OpenInterest: ...
    @overload
    def latest(
        self,
        market_id: Iterable[str],
        *,
        interval: Interval = "1m",
        errors: Errors = "raise",
        deadline: float | None = None,
    ) -> ByMarket[OpenInterest]: ...
    def latest(
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
        options: dict[str, Any] = {"interval": interval, "errors": errors, "deadline": deadline}
        rows: OpenInterest | ByMarket[OpenInterest] = self._call(lambda client: client.latest(market_id, **options))
        return rows

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
    ) -> Generator[OpenInterest, None, None]: ...
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
    ) -> Generator[OpenInterestSeries, None, None]: ...
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
    ) -> Generator[OpenInterest, None, None] | Generator[OpenInterestSeries, None, None]:
        """The rows of ``open_interest`` in order as they arrive, in bounded memory: row by row, or in pages of one response.

        The rows yielded so far are complete; an error is raised after the last row before it. ``deadline`` begins now, and
        includes the time that the reader takes. ``progress`` is that of ``open_interest``.

        Raises ``UsageError`` for a wrong argument at once, and ``FetchError`` while iterating.
        """
        check_choice("by", by, ("row", "page"))
        market, requests = check_market(market_id), plan_open_interest(interval, start, end)
        call = start_call(deadline, progress, len(requests))
        pages = self._iterate(lambda client: client._pages(OPEN_INTEREST, OpenInterestSeries, market, requests, call))
        return pages if by == "page" else (row for page in pages for row in page)

    def _call(self, function: Callable[[LoopClient], Awaitable[Any]]) -> Any:
        try:
            return self._loop_thread.call(function)
        except FetchError as error:
            raise shorten(error) from error.__cause__

    def _iterate(self, function: Callable[[LoopClient], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
        try:
            yield from self._loop_thread.iterate(function)
        except FetchError as error:
            raise shorten(error) from error.__cause__


def run_on_loop(client: MarketData, function: Callable[[LoopClient], Awaitable[T]]) -> T:
    """Run a coroutine function on the loop of a client and wait for it: for code that sends many requests at once."""
    return client._loop_thread.call(function)

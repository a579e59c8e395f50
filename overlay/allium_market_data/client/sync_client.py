"""The synchronous client: each call runs on the asynchronous one, on an event loop in a thread of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from ..errors import UsageError
from ..formats.arrow import source_metadata
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import OpenInterest
from ..model.windows import Plan
from ..series.series import OpenInterestSeries
from ..validation import Instant, check_market
from ..version import VERSION
from .api_key import ApiKey
from .loop_thread import LoopThread
from .retry import RetryPolicy
from .series_fetch import start_call
from .settings import check_settings

if TYPE_CHECKING:
    pass

from .async_client import AsyncMarketData, By, _plan

T = TypeVar("T")


class MarketData:
    """A client of the Market Data API. Its arguments and methods are those of ``AsyncMarketData``, without ``await``.

    Use it with ``with``, or call ``close()``. It may be used from several threads at once.
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
        del api_key  # the traceback of a wrong argument shows this frame's variables
        told = check_settings(key, base_url, timeout, max_concurrency, max_rate, retry, allow_insecure)
        self._base_url = told.base_url
        self._loop_thread = LoopThread(lambda: AsyncMarketData._from_settings(told), AsyncMarketData.aclose)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={getattr(self, '_base_url', None)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. A closed client may be used again; it connects anew."""
        self._loop_thread.close()

    def call(self, function: Callable[[AsyncMarketData], Awaitable[T]]) -> T:
        """Run a coroutine function on this client's loop, with the asynchronous client that lives there, and wait for it."""
        return self._loop_thread.call(function)

    def plan(self, *, interval: Interval, start: Instant, end: Instant) -> Plan:
        """See ``AsyncMarketData.plan``."""
        return _plan(OPEN_INTEREST, interval, start, end)

    def describe(self, wanted: Plan) -> dict[str, str]:
        """What a file of a plan's rows says about where they came from: source, specification, versions, span."""
        from .transport import specification

        return source_metadata(
            interval=wanted.interval,
            start=wanted.start,
            end=wanted.end,
            base_url=self._base_url,
            specification=specification(),
            client_version=VERSION,
        )

    @overload
    def open_interest(  # type: ignore[overload-overlap]  # text is texts too, and never meant as one
        self, market_id: str, *, interval: Interval, start: Instant, end: Instant, deadline: float | None = None
    ) -> OpenInterestSeries: ...
    @overload
    def open_interest(
        self,
        market_id: Iterable[str],
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        deadline: float | None = None,
    ) -> dict[str, OpenInterestSeries]: ...
    def open_interest(
        self, market_id: Any, *, interval: Interval, start: Instant, end: Instant, deadline: float | None = None
    ) -> Any:
        """See ``AsyncMarketData.open_interest``."""
        return self._loop_thread.call(
            lambda client: client.open_interest(market_id, interval=interval, start=start, end=end, deadline=deadline)
        )

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
    ) -> Generator[OpenInterest, None, None]: ...
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
    ) -> Generator[OpenInterestSeries, None, None]: ...
    def iter_open_interest(
        self,
        market_id: str,
        *,
        interval: Interval,
        start: Instant,
        end: Instant,
        by: By = "row",
        deadline: float | None = None,
    ) -> Generator[OpenInterest, None, None] | Generator[OpenInterestSeries, None, None]:
        """See ``AsyncMarketData.iter_open_interest``."""
        if by not in ("row", "page"):
            raise UsageError(f"by must be 'row' or 'page', not {by!r:.80}")
        wanted, checked, call = (
            _plan(OPEN_INTEREST, interval, start, end),
            check_market(market_id),
            start_call(deadline),
        )
        pages = self._loop_thread.iterate(lambda client: client._pages(checked, wanted, call))
        return pages if by == "page" else (row for page in pages for row in page)

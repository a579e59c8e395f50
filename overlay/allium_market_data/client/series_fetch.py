"""The fetch of one market, from its plan to its series."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..counts import counted
from ..errors import DeadlineExceededError, ErrorContext, FetchError, IncompleteError, UsageError
from ..model.endpoint import Endpoint
from ..model.provenance import Provenance
from ..model.rows import Columns, ColumnsBuilder
from ..model.times import to_iso
from ..model.windows import Plan, Window
from ..series.generic import Series
from ..version import VERSION
from .circuit import Call, monotonic
from .decode import Page, PageRequest, decode
from .fetch import FetchLoop
from .progress import OnProgress, Tracker
from .settings import Settings, is_positive

if TYPE_CHECKING:
    from .transport import Transport


S = TypeVar("S", bound=Series[Any])
R = TypeVar("R")


@dataclass
class SeriesFetch(Generic[S]):
    """The fetch of one market: its rows as they arrive, as series of ``kind``, and their provenance."""

    endpoint: Endpoint
    kind: type[S]
    market_id: str
    plan: Plan
    transport: Transport
    settings: Settings
    clock: Callable[[], datetime]
    call: Call = field(default_factory=Call)
    requests: int = 0
    reported: int = 0
    """The windows in the progress that was reported."""

    def __post_init__(self) -> None:
        self.started = self.clock()
        self.complete_until = self.plan.first_bucket
        # one more than may be in flight: it is sent while the response before it is read
        self.loop = FetchLoop(self.plan, self._fetch_page, self.settings.max_concurrency + 1)

    async def _fetch_page(self, window: Window) -> Page:
        from .transport import request

        page_request = PageRequest(self.endpoint, self.market_id, self.plan.interval, window, self.clock())
        try:
            return await self.transport.send(
                request(self.endpoint, self.market_id, self.plan.interval, window),
                lambda body: decode(body, page_request),
                self._count_request,
                self.call,
            )
        except FetchError as error:
            error.with_context(self.market_id, window)
            raise

    def _count_request(self) -> None:
        self.requests += 1
        if self.call.tracker is not None:
            self.call.tracker.requests += 1

    def series(self, columns: Columns, start: datetime, end: datetime) -> S:
        """A series of these rows, with their provenance."""
        from .transport import specification

        provenance = Provenance(
            base_url=self.settings.base_url,
            specification=specification(),
            client_version=VERSION,
            windows=self.plan,
            requests=self.requests,
            started=self.started,
            finished=self.clock(),
        )
        return self.kind(
            endpoint=self.endpoint,
            market_id=self.market_id,
            interval=self.plan.interval,
            start=start,
            end=end,
            columns=columns,
            provenance=provenance,
            unknown_fields={self.settings.key.redact(name): count for name, count in self.loop.unknown_fields.items()},
        )

    async def fetch_all(self) -> S:
        """Every row of the plan."""
        rows = ColumnsBuilder(len(self.endpoint.columns), self.plan.width)
        async for part in self._parts():
            rows.add(part)
        return self.series(rows.build(), self.plan.start, self.plan.end)

    async def pages(self) -> AsyncGenerator[S, None]:
        """The rows page by page. The spans of consecutive pages join, so that ``gaps()`` of the pages miss nothing."""
        start, last = self.plan.start, None
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                if last is not None:
                    end = last.ts[-1] + self.plan.bucket
                    yield self.series(last, start, end)
                    start = end
                last = part
        if last is not None:
            yield self.series(last, start, self.plan.end)

    async def _parts(self) -> AsyncGenerator[Columns, None]:
        """The rows as they arrive."""
        try:
            async with aclosing(self.loop.pages()) as parts:
                while (part := await self._next_in_time(parts)) is not None:
                    yield part
        except IncompleteError as error:
            error.context = replace(error.context, market_id=self.market_id)
            raise

    def _report(self, rows: int) -> None:
        if self.call.tracker is not None:
            done, self.reported = self.loop.done - self.reported, self.loop.done
            self.call.tracker.add(done, rows, monotonic())

    async def _next_in_time(self, parts: AsyncGenerator[Columns, None]) -> Columns | None:
        """The next rows, None after the last. The time between two calls counts towards the deadline too."""
        seconds = None if self.call.deadline is None else self.call.deadline - monotonic()
        limit = asyncio.timeout(seconds)
        if seconds is None or seconds > 0:
            try:
                async with limit:
                    part = await anext(parts, None)
            except TimeoutError:
                if not limit.expired():
                    raise
            else:
                if part is not None:
                    self.complete_until = part.ts[-1] + self.plan.bucket
                self._report(0 if part is None else len(part))
                return part
        raise DeadlineExceededError(
            f"the deadline passed after {counted(self.requests, 'request')}; "
            f"rows are complete up to {to_iso(self.complete_until)}",
            ErrorContext(self.market_id, Window(self.complete_until, self.complete_until, self.plan.stop_bucket)),
        )


def start_call(deadline: float | None, progress: OnProgress | None = None, windows: int = 0) -> Call:
    """A call that begins now and may take ``deadline`` seconds, with ``windows`` to fetch of each market.

    Raises ``UsageError`` for a wrong argument.
    """
    if deadline is not None and not is_positive(deadline):
        raise UsageError(f"deadline must be a number of seconds above 0, or None, not {deadline!r:.80}")
    if progress is not None and not callable(progress):
        raise UsageError(f"progress must be a function that takes a FetchProgress, or None, not {progress!r:.80}")
    began = monotonic()
    return Call(
        None if deadline is None else began + deadline,
        None if progress is None else Tracker(progress, windows, began),
    )


async def iter_rows(pages: AsyncGenerator[Series[R], None]) -> AsyncGenerator[R, None]:
    """The rows of the pages, one by one."""
    async with aclosing(pages):
        async for page in pages:
            for row in page:
                yield row

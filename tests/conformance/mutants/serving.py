"""Faults of caches, of concurrency, of compression, of what lies in the future, and of odd query strings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from allium_market_data.model.intervals import SECOND, floor
from allium_market_data.sandbox.answer import History, Row, Span
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse, accepts_gzip
from allium_market_data.sandbox.query import Query

from ..clock import Clock
from .edits import LIMIT, TIMES, instant, parse_parameters
from .histories import WrappedHistory
from .middleware import Handler, Reply, around, edit_replies, header_of
from .mutant import Change, Changes, Mutant, Step
from .windows import CAP, longer

_FAULT: Final = SandboxResponse(500, b"Internal Server Error", {"content-type": "text/plain; charset=utf-8"})
_STATUS: Final = ("answer.status-1",)
_SAMPLES: Final = ("answer.samples-1",)


def _now() -> int:
    return int(time.time()) * SECOND


def _cache_without_market(clock: Clock) -> Handler:
    """Replies with status 200 are cached by the query string alone."""
    cache: dict[bytes, tuple[str, Reply]] = {}

    async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
        reply = await call_next(scope)
        market = scope["path"].split("/")[4]
        if reply.status != 200:
            return reply
        cached_market, cached = cache.setdefault(scope["query_string"], (market, reply))
        return replace(cached, body=cached.body.replace(cached_market.encode(), market.encode()))

    return handle


def _swapped_together(clock: Clock) -> Handler:
    """The query of the latest request is in a variable of the process, which other requests overwrite."""
    latest: list[bytes] = [b""]

    async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
        latest[0] = scope["query_string"]
        await asyncio.sleep(0.001)
        return await call_next({**scope, "query_string": latest[0]})

    return handle


def _broken_without_gzip(scope: Scope, reply: Reply) -> Reply:
    accepted = accepts_gzip(header_of(scope, "accept-encoding"))
    return reply if accepted or reply.status != 200 else replace(reply, body=reply.body[:-20])


class _Forecast(WrappedHistory):
    """The last row again and again, for ever."""

    @property
    def last(self) -> int:
        """Later than any window."""
        return 2**61

    def rows(self, width: int, span: Span) -> list[Row]:
        """The rows of the history, and one more for each bucket after it."""
        rows = self.history.last_per_bucket(width, span)
        now = _now()
        if span.before <= now or (amounts := self.history.last_before(now)) is None:
            return rows
        after = max(rows[-1][0] + width if rows else span.since, floor(now, width))
        starts = range(floor(after, width), span.before, width)
        return rows + [(start, *amounts) for start in starts]


def _forecast(market_id: str, call_next: Step[str, History]) -> History:
    return _Forecast(call_next(market_id))


def _fault_where(is_wrong: Callable[[SandboxRequest], bool]) -> Change[SandboxRequest, SandboxResponse]:
    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        response = call_next(request)
        return _FAULT if response.status not in (401, 403, 404) and is_wrong(request) else response

    return change


def _in_the_future(request: SandboxRequest) -> bool:
    start = instant(parse_parameters(request.query_string).get(TIMES[0], ""))
    return start is not None and start > _now()


def _repeats_a_parameter(request: SandboxRequest) -> bool:
    names = [name for name, _ in parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)]
    return len(names) > len(set(names))


def _empty_limit(request: SandboxRequest) -> bool:
    return parse_parameters(request.query_string).get(LIMIT) == ""


def _longer_where(is_exempt: Callable[[dict[str, str], int], bool]) -> Change[bytes, Query]:
    """Accept a window of any length in some requests, judged by their parameters and start."""
    accepted = longer(lambda length: length)

    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        parameters = parse_parameters(query_string)
        start = instant(parameters.get(TIMES[0], ""))
        exempt = start is not None and is_exempt(parameters, start)
        return accepted(query_string, call_next) if exempt else call_next(query_string)

    return change


MUTANTS: Final = (
    Mutant(
        "cache-without-market",
        "a cache whose key lacks the market: another market's rows under this one's id",
        ("market.slug-1", "row.market-id-2", "series.open-interest-1"),
        Changes(middleware=around(_cache_without_market)),
    ),
    Mutant(
        "swapped-together",
        "of requests at the same time, some get the answer to another one",
        ("series.open-interest-1", "series.open-interest-2", "start.window-1", "end.window-1"),
        Changes(middleware=around(_swapped_together)),
    ),
    Mutant(
        "broken-without-gzip",
        "the body is cut for clients that do not accept gzip",
        ("answer.media-type-1",),
        Changes(middleware=edit_replies(_broken_without_gzip)),
    ),
    Mutant(
        "rows-in-the-future",
        "the last row is repeated for buckets that have not begun",
        (*_SAMPLES, "bucket.last-sample-1"),
        Changes(find=_forecast),
    ),
    Mutant(
        "future-500",
        "a window in the future is answered with 500",
        (*_SAMPLES, *_STATUS),
        Changes(whole=_fault_where(_in_the_future)),
    ),
    Mutant(
        "cap-ignored-in-the-future",
        "a window of any length is answered if it begins in the future",
        CAP,
        Changes(parse=_longer_where(lambda parameters, start: start > _now())),
    ),
    Mutant(
        "cap-ignored-for-few-rows",
        "a window of any length is answered if the limit is at most 10",
        CAP,
        Changes(parse=_longer_where(lambda parameters, start: len(parameters.get(LIMIT, "xxx")) == 1)),
    ),
    Mutant(
        "repeated-parameter-500",
        "a parameter that is sent twice is answered with 500",
        _STATUS,
        Changes(whole=_fault_where(_repeats_a_parameter)),
    ),
    Mutant(
        "empty-limit-500",
        "a limit without a value is answered with 500",
        (*_STATUS, "limit.type-1"),
        Changes(whole=_fault_where(_empty_limit)),
    ),
)

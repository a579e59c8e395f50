"""Styles: *correct* servers that differ in what the specification leaves open and in how real servers are.

They use the steps of `mutant`, and violate no clause: the suite must pass all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from starlette.types import ASGIApp, Scope

from allium_market_data.model.intervals import DAY, HOUR, MINUTE, SECOND
from allium_market_data.sandbox.answer import History
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.instants import parse_instant

from ..clock import Clock
from .dates import long_history
from .edits import JSON_HEADERS, TIMES, edit_times, instant, parse_parameters
from .histories import LaggingHistory, Picked, ThinnedHistory
from .middleware import Handler, Reply, around, edit_replies, header_of
from .mutant import Change, Changes, Mutant, Step

_KEPT: Final = 60 * DAY


def _style(name: str, description: str, changes: Changes) -> Mutant:
    return Mutant(name, description, (), changes)


def _now() -> int:
    return int(time.time()) * SECOND


def _history(wrap: Callable[[History], History]) -> Changes:
    def change(market_id: str, call_next: Step[str, History]) -> History:
        return wrap(call_next(market_id))

    return Changes(find=change)


def _replies(edit: Callable[[Scope, Reply], Reply]) -> Changes:
    return Changes(middleware=edit_replies(edit))


def _refusals(body: bytes, media_type: str) -> Changes:
    """Every refusal with this body."""
    return _replies(
        lambda scope, reply: (
            reply if reply.status < 400 else replace(reply, body=body, headers={"content-type": media_type})
        )
    )


def _rate_limit(seconds_as: Callable[[int], str]) -> Callable[[ASGIApp, Clock], ASGIApp]:
    """Five requests a second; more of them get 429 and Retry-After."""

    def make(clock: Clock) -> Handler:
        served: list[float] = []

        async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
            served[:] = [at for at in served if at > clock.time() - 1]
            if len(served) >= 5:
                return Reply(429, b"slow down", {"retry-after": seconds_as(1), "date": "Thu, 01 Jan 2026 00:00:00 GMT"})
            served.append(clock.time())
            return await call_next(scope)

        return handle

    return around(make)


def _slow(clock: Clock) -> Handler:
    async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
        clock.sleep(0.3)
        return await call_next(scope)

    return handle


def _one_in(count: int, failure: Reply) -> Callable[[ASGIApp, Clock], ASGIApp]:
    """One request in ``count`` gets a failure."""

    def make(clock: Clock) -> Handler:
        seen = [0]

        async def handle(scope: Scope, call_next: Callable[[Scope], Awaitable[Reply]]) -> Reply:
            seen[0] += 1
            return replace(failure) if seen[0] % count == 0 else await call_next(scope)

        return handle

    return around(make)


def _constant(history: History) -> History:
    """The same amounts all the time, except that they change once, on 2 May 2026."""
    change = parse_instant("2026-05-02T03:04:05Z")
    before, after = ("12483.50", "1308734500.00"), ("12484", "1308734501")

    class Constant(Picked):
        def last_before(self, moment: int) -> tuple[str, str] | None:
            return None if self.history.last_before(moment) is None else after if moment > change else before

    return Constant(history, lambda samples, start, width: after if samples[-1][0] >= change else before)


def _retention(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    """Windows that begin more than 60 days ago are refused."""
    response = call_next(request)
    start = instant(parse_parameters(request.query_string).get(TIMES[0], ""))
    if response.status == 200 and start is not None and start < _now() - _KEPT:
        return SandboxResponse(400, b'{"detail":"The server keeps 60 days"}', JSON_HEADERS)
    return response


def _etag(scope: Scope, reply: Reply) -> Reply:
    headers = reply.headers | {"etag": '"abc"', "cache-control": "private, max-age=0, must-revalidate"}
    return (
        replace(reply, status=304, body=b"") if header_of(scope, "if-none-match") else replace(reply, headers=headers)
    )


def _cdn(scope: Scope, reply: Reply) -> Reply:
    added = {"cf-ray": "8a-FRA", "age": "3", "x-cache": "HIT", "via": "1.1 cache", "set-cookie": "__cf=1; Path=/"}
    json_type = reply.headers.get("content-type") == "application/json"
    content = {"content-type": "application/json; charset=utf-8"} if json_type else {}
    return replace(reply, headers=reply.headers | added | content)


def _quoting_the_key(scope: Scope, reply: Reply) -> Reply:
    key = header_of(scope, "x-api-key")
    if reply.status != 200 or not key:
        return reply
    body = json.loads(reply.body) | {"request": {"key": key, "message": f"{key} may see this"}}
    return replace(reply, body=json.dumps(body).encode())


def _empty_is_left_out(query_string: bytes) -> bytes:
    return b"&".join(part for part in query_string.split(b"&") if not part.endswith(b"="))


def _lenient(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    return call_next(replace(request, query_string=_empty_is_left_out(request.query_string)))


def _strict(is_wrong: Callable[[dict[str, str]], bool]) -> Change[SandboxRequest, SandboxResponse]:
    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        names = [part.partition(b"=")[0] for part in request.query_string.split(b"&")]
        wrong = len(names) > len(set(names)) or is_wrong(parse_parameters(request.query_string))
        response = call_next(request)
        return SandboxResponse(400, b"", {}) if wrong and response.status == 200 else response

    return change


def _millisecond(text: str) -> str:
    zone = "Z" if text.endswith("Z") else text[-6:]
    return f"{text[:19]}.000{zone}"


_ENVELOPE: Final = (
    b'{"success":false,"error":{"code":"E42","message":"no","documentation_url":"https://example.invalid"}}'
)
_ALL: Final = (
    _style("rate-limit", "5 requests a second, 429 and Retry-After in seconds", Changes(middleware=_rate_limit(str))),
    _style(
        "rate-limit-dates",
        "5 requests a second, 429 and Retry-After as a date",
        Changes(middleware=_rate_limit(lambda seconds: f"Thu, 01 Jan 2026 00:00:0{seconds} GMT")),
    ),
    _style("slow", "every answer takes 300 ms", Changes(middleware=around(_slow))),
    _style("sparse-5m", "one sample in 5 minutes", _history(lambda history: ThinnedHistory(history, 5 * MINUTE))),
    _style("sparse-1h", "one sample an hour", _history(lambda history: ThinnedHistory(history, HOUR))),
    _style("sparse-1d", "one sample a day", _history(lambda history: ThinnedHistory(history, DAY))),
    _style("constant", "amounts change once", _history(_constant)),
    _style("retention", "a 400 for windows older than 60 days", Changes(whole=_retention)),
    _style(
        "lagging",
        "the last 10 minutes are missing",
        _history(lambda history: LaggingHistory(history, lambda: _now() - 10 * MINUTE)),
    ),
    _style("long-history", "years of history", Changes(find=long_history)),
    _style("etag", "ETag, and 304 for a client that has the answer", _replies(_etag)),
    _style("cdn", "headers of a content delivery network, cookies, a charset", _replies(_cdn)),
    _style("html-refusals", "refusals are pages for people", _refusals(b"<html><h1>No</h1></html>", "text/html")),
    _style("envelope", "refusals have another envelope", _refusals(_ENVELOPE, "application/json")),
    _style("milliseconds", "ts has milliseconds", Changes(render=edit_times(_millisecond))),
    _style("one-502-in-40", "one answer in 40 is 502", Changes(middleware=_one_in(40, Reply(502, b"bad gateway", {})))),
    _style(
        "one-503-in-20",
        "one answer in 20 is 503 with Retry-After",
        Changes(middleware=_one_in(20, Reply(503, b"", {"retry-after": "3"}))),
    ),
    _style("quotes-the-key", "answers quote the key", _replies(_quoting_the_key)),
    _style("lenient", "a parameter without a value counts as left out", Changes(whole=_lenient)),
    _style(
        "strict",
        "repeated parameters and parameters without a value are refused",
        Changes(whole=_strict(lambda parameters: "" in parameters.values())),
    ),
)
STYLES: Final[dict[str, Mutant]] = {style.name: style for style in _ALL}
"""Every style, by its name for ``--style``."""

"""Error responses that look like success or like server errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse

from .edits import (
    AMOUNTS,
    EMPTY,
    INTERVAL,
    ITEMS,
    JSON_HEADERS,
    LIMIT,
    MARKET,
    TIMES,
    TS,
    Parameters,
    instant,
    parse_parameters,
)
from .mutant import Changes, Mutant, Step

_STATUS: Final = ("answer.status-1",)
_ISO: Final = ("start.iso-8601-1", "end.iso-8601-1")
_ITEM: Final = {
    MARKET: "hl:perp:BTC-USDC",
    TS: "2026-05-01T01:00:00.000000+00:00",
    **dict.fromkeys(AMOUNTS, "12483.50"),
}
_FAULT: Final = SandboxResponse(500, b"Internal Server Error", {"content-type": "text/plain; charset=utf-8"})


def _refusals(name: str, description: str, replacement: Callable[[SandboxResponse], SandboxResponse]) -> Mutant:
    """Every error response, changed."""

    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        response = call_next(request)
        return replacement(response) if response.status >= 400 else response

    return Mutant(name, description, _STATUS, Changes(whole=change))


def _fault(name: str, description: str, clauses: tuple[str, ...], is_wrong: Callable[[Parameters], bool]) -> Mutant:
    """500 instead of 422."""

    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        response = call_next(request)
        return _FAULT if response.status == 422 and is_wrong(parse_parameters(request.query_string)) else response

    return Mutant(name, description, (*_STATUS, *clauses), Changes(whole=change))


def _no_time(parameters: Parameters) -> bool:
    return any(name in parameters and instant(parameters[name]) is None for name in TIMES)


def _reversed(parameters: Parameters) -> bool:
    start, end = (instant(parameters.get(name, "")) for name in TIMES)
    return start is not None and end is not None and start > end


def _with_items(response: SandboxResponse) -> SandboxResponse:
    return SandboxResponse(response.status, json.dumps({"detail": "refused", ITEMS: [_ITEM]}).encode(), JSON_HEADERS)


MUTANTS: Final = (
    _refusals(
        "refusals-200-empty",
        "refusals are 200 with no items",
        lambda _: SandboxResponse(200, EMPTY, JSON_HEADERS),
    ),
    _refusals("refusals-200", "refusals have a status of 200", lambda response: replace(response, status=200)),
    _refusals("refusals-500", "refusals are 500", lambda _: _FAULT),
    _refusals("refusals-503", "refusals are 503", lambda response: replace(response, status=503)),
    _refusals(
        "refusals-302", "refusals send to the front page", lambda _: SandboxResponse(302, b"", {"location": "/"})
    ),
    _refusals("refusals-with-items", "refusals have an item in them", _with_items),
    _fault("unreadable-time-500", "a time that cannot be read is answered with 500", _ISO, _no_time),
    _fault(
        "limit-text-500",
        "a limit of letters is answered with 500",
        ("limit.type-1",),
        lambda parameters: parameters.get(LIMIT, "").isalpha(),
    ),
    _fault("reversed-500", "a start behind the end is answered with 500", ("start.window-1",), _reversed),
    _fault(
        "interval-missing-500",
        "a missing interval is answered with 500",
        ("interval.required-1",),
        lambda parameters: INTERVAL not in parameters,
    ),
)

"""Responses that do not match the documented schema."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse

from .edits import (
    AMOUNTS,
    FIRST,
    INTERVAL,
    ITEMS,
    LAST,
    MARKET,
    TS,
    Item,
    edit_body,
    edit_document,
    edit_each_item,
    edit_items,
    edit_last_item,
    edit_success,
    parse_parameters,
)
from .mutant import Change, Changes, Mutant, Step

_ALONE: Final = ("answer.media-type-1",)
_PAGE: Final = b"<!doctype html><title>Allium</title><p>Please try again later.</p>"


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[Any, bytes]) -> Mutant:
    return Mutant(name, description, clauses, Changes(render=change))


def _sent(
    name: str, description: str, clauses: tuple[str, ...], change: Change[SandboxRequest, SandboxResponse]
) -> Mutant:
    return Mutant(name, description, clauses, Changes(whole=change))


def _without(item: Item, *names: str) -> Item:
    return {name: value for name, value in item.items() if name not in names}


def _numbers(text: bytes) -> bytes:
    # Edited as text: a float would change the digits.
    for name in AMOUNTS:
        head, *parts = text.split(f'"{name}":"'.encode())
        text = head + b"".join(f'"{name}":'.encode() + part.replace(b'"', b"", 1) for part in parts)
    return text


def _error_for_4h(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    response = call_next(request)
    if response.status == 200 and parse_parameters(request.query_string).get(INTERVAL) == "4h":
        return replace(response, body=b'{"detail":"4h is not ready yet"}')
    return response


def _lines(whole: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in whole[ITEMS])


def _content_type(value: str | None) -> Change[SandboxRequest, SandboxResponse]:
    def edit(response: SandboxResponse) -> SandboxResponse:
        headers = {name: text for name, text in response.headers.items() if name != "content-type"}
        return replace(response, headers=headers if value is None else {**headers, "content-type": value})

    return edit_success(edit)


MUTANTS: Final = (
    _mutant(
        "items-missing",
        "the answer has no items",
        ("answer.required-1",),
        edit_document(lambda whole: {"data": whole[ITEMS]}),
    ),
    _mutant("items-null", "items is null", ("answer.items-1",), edit_items(lambda items: None)),
    _mutant(
        "items-by-ts",
        "items is an object, from ts to row",
        ("answer.items-1",),
        edit_items(lambda items: {item[TS]: item for item in items}),
    ),
    _mutant(
        "top-level-array",
        "the answer is the array of items itself",
        ("answer.type-1",),
        edit_document(lambda whole: whole[ITEMS]),
    ),
    _mutant(
        "rows-as-arrays",
        "each item is an array of its values",
        ("row.type-1", "answer.items-2"),
        edit_each_item(lambda item: list(item.values())),
    ),
    _mutant(
        "amounts-as-numbers",
        "amounts are JSON numbers",
        ("row.oi-base-1", "row.oi-quote-usd-1"),
        edit_body(_numbers),
    ),
    _mutant(
        "base-as-number-at-last",
        "the first amount of the last item is a JSON number",
        ("row.oi-base-1",),
        edit_last_item(lambda item: item | {FIRST: float(item[FIRST])}),
    ),
    _mutant("ts-as-number", "ts is a JSON number", ("row.ts-1",), edit_each_item(lambda item: item | {TS: 1777593600})),
    _mutant(
        "market-null",
        "the market is null",
        ("row.market-id-1",),
        edit_each_item(lambda item: item | {MARKET: None}),
    ),
    _mutant(
        "quote-missing",
        "items lack their last amount",
        ("row.required-1",),
        edit_each_item(lambda item: _without(item, LAST)),
    ),
    _mutant(
        "market-missing",
        "items have no market",
        ("row.required-1",),
        edit_each_item(lambda item: _without(item, MARKET)),
    ),
    _mutant(
        "base-missing-at-last",
        "the last item of each answer lacks its first amount",
        ("row.required-1",),
        edit_last_item(lambda item: _without(item, FIRST)),
    ),
    _mutant(
        "quote-null-at-last",
        "the last amount of the last item is null",
        ("row.oi-quote-usd-1",),
        edit_last_item(lambda item: item | {LAST: None}),
    ),
    _mutant(
        "nan-literal",
        "the first amount of the last item is the literal NaN, which is not JSON",
        ("answer.media-type-1", "row.oi-base-1"),
        edit_last_item(lambda item: item | {FIRST: float("nan")}),
    ),
    _mutant(
        "trailing-garbage", "a second JSON value follows the first", _ALONE, edit_body(lambda text: text + b"\n{}")
    ),
    _mutant("body-cut", "the last 20 bytes of the body are missing", _ALONE, edit_body(lambda text: text[:-20])),
    _mutant("body-empty", "the body is empty", _ALONE, edit_body(lambda text: b"")),
    _mutant(
        "byte-order-mark", "a byte order mark precedes the JSON", _ALONE, edit_body(lambda text: b"\xef\xbb\xbf" + text)
    ),
    _mutant(
        "json-lines",
        "one JSON object a line instead of one for all",
        ("answer.media-type-1", "answer.type-1"),
        edit_body(lambda text: _lines(json.loads(text))),
    ),
    _sent("content-type-html", "the content type is text/html", _ALONE, _content_type("text/html; charset=utf-8")),
    _sent("content-type-missing", "there is no content type", _ALONE, _content_type(None)),
    _sent(
        "html-with-200",
        "a page for people instead of the answer",
        _ALONE,
        edit_success(lambda response: SandboxResponse(200, _PAGE, {"content-type": "text/html"})),
    ),
    _sent(
        "error-with-200-for-4h",
        "interval 4h is answered with 200 and an error object",
        ("answer.required-1", "answer.status-1", "interval.enum-1"),
        _error_for_4h,
    ),
    _sent(
        "status-204", "204 and no body", ("answer.status-1",), edit_success(lambda response: SandboxResponse(204, b""))
    ),
    _sent(
        "status-206",
        "206 for every answer",
        ("answer.status-1",),
        edit_success(lambda response: replace(response, status=206)),
    ),
)

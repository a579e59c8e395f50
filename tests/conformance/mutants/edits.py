"""The everyday tools of the mutants: edit the items, the document, the parameters, the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode

from allium_market_data.model.intervals import INTERVALS
from allium_market_data.sandbox.answer import Row
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import Query

from .mutant import Asked, Change, Selected, Step

Item: TypeAlias = dict[str, Any]
Parameters: TypeAlias = dict[str, str]

AMOUNTS: Final = ("oi_base", "oi_quote_usd")
TIMES: Final = ("start_timestamp", "end_timestamp")
JSON_HEADERS: Final = {"content-type": "application/json"}


def body(edit: Callable[[bytes], bytes]) -> Change[Selected, bytes]:
    """The bytes of the JSON, edited."""
    return lambda selected, following: edit(following(selected))


def document(edit: Callable[[dict[str, Any]], Any]) -> Change[Selected, bytes]:
    """The JSON of the answer, edited."""
    return body(lambda text: json.dumps(edit(json.loads(text))).encode())


def items(edit: Callable[[list[Item]], Any]) -> Change[Selected, bytes]:
    """The items of the answer, edited."""
    return document(lambda whole: {**whole, "items": edit(whole["items"])})


def each_item(edit: Callable[[Item], Any]) -> Change[Selected, bytes]:
    """Every item, edited."""
    return items(lambda some: [edit(item) for item in some])


def last_item(edit: Callable[[Item], Any]) -> Change[Selected, bytes]:
    """The last item of each answer that has one, edited."""
    return items(lambda some: [*some[:-1], *(edit(item) for item in some[-1:])])


def each_amount(edit: Callable[[str], Any]) -> Change[Selected, bytes]:
    """Both amounts of every item, edited."""
    return each_item(lambda item: item | {name: edit(item[name]) for name in AMOUNTS})


def each_ts(edit: Callable[[str], Any]) -> Change[Selected, bytes]:
    """The time of every item, edited."""
    return each_item(lambda item: item | {"ts": edit(item["ts"])})


def success(edit: Callable[[SandboxResponse], SandboxResponse]) -> Change[SandboxRequest, SandboxResponse]:
    """Every answer with rows to give, a status of 200, edited."""

    def change(call: SandboxRequest, following: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        answer = following(call)
        return edit(answer) if answer.status == 200 else answer

    return change


def parameters(edit: Callable[[Parameters], Parameters]) -> Change[bytes, Query]:
    """The parameters of the request, edited before anyone reads them."""

    def change(query_string: bytes, following: Step[bytes, Query]) -> Query:
        return following(urlencode(edit(parameters_of(query_string)), errors="surrogateescape").encode())

    return change


def parameters_of(query_string: bytes) -> Parameters:
    """The parameters of a query string; the last of a repeated one counts."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))


def question(edit: Callable[[Query], Query]) -> Change[bytes, Query]:
    """A valid question, edited after all is checked."""
    return lambda query_string, following: edit(following(query_string))


def rows(
    edit: Callable[[Asked, list[Row]], list[Row]], intervals: Collection[str] = INTERVALS
) -> Change[Asked, list[Row]]:
    """The rows in ascending order, edited, and sent in the order of the reading."""

    def change(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
        found = following(asked)
        if asked.query.interval not in intervals:
            return found
        descending = asked.reading.order == "descending"
        edited = edit(asked, found[::-1] if descending else found)
        return edited[::-1] if descending else edited

    return change


def with_limit(asked: Asked, limit: int) -> Asked:
    """The same question under another limit."""
    return asked._replace(query=replace(asked.query, limit=limit))


def instant(text: str) -> int | None:
    """The instant that ``text`` names, or None."""
    try:
        return parse_instant(text)
    except ValueError:
        return None


def instant_text(moment: int) -> str:
    """``moment``, in microseconds, as ISO 8601."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat()


def has_items(answer: SandboxResponse) -> bool:
    """Does this answer of 200 hold any row?"""
    return bool(json.loads(answer.body)["items"])

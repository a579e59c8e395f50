"""Common changes: edit the body, its items, the parameters, the query, the rows."""

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
from allium_market_data_wire.contract import OPEN_INTEREST

from .mutant import Change, QueryContext, SelectedRows, Step

Item: TypeAlias = dict[str, Any]
Parameters: TypeAlias = dict[str, str]

OPERATION: Final = OPEN_INTEREST
"""The operation that the mutants break."""
MARKET, TS, ITEMS = OPERATION.market_field, OPERATION.timestamp_field, OPERATION.items_field
AMOUNTS: Final = tuple(field.name for field in OPERATION.decimals)
FIRST, LAST = AMOUNTS[0], AMOUNTS[-1]
TIMES: Final = (OPERATION.start_parameter, OPERATION.end_parameter)
INTERVAL, LIMIT = str(OPERATION.interval_parameter), OPERATION.limit_parameter
EMPTY: Final = json.dumps({ITEMS: []}).encode()
"""A body without items."""
JSON_HEADERS: Final = {"content-type": "application/json"}


def edit_body(edit: Callable[[bytes], bytes]) -> Change[SelectedRows, bytes]:
    """Edit the bytes of the body."""
    return lambda selected, call_next: edit(call_next(selected))


def edit_document(edit: Callable[[dict[str, Any]], Any]) -> Change[SelectedRows, bytes]:
    """Edit the JSON object."""
    return edit_body(lambda text: json.dumps(edit(json.loads(text))).encode())


def edit_items(edit: Callable[[list[Item]], Any]) -> Change[SelectedRows, bytes]:
    """Edit the list of items."""
    return edit_document(lambda whole: {**whole, ITEMS: edit(whole[ITEMS])})


def edit_each_item(edit: Callable[[Item], Any]) -> Change[SelectedRows, bytes]:
    """Edit each item."""
    return edit_items(lambda items: [edit(item) for item in items])


def edit_last_item(edit: Callable[[Item], Any]) -> Change[SelectedRows, bytes]:
    """Edit the last item of each response that has items."""
    return edit_items(lambda items: [*items[:-1], *(edit(item) for item in items[-1:])])


def edit_amounts(edit: Callable[[str], Any]) -> Change[SelectedRows, bytes]:
    """Edit both amounts of each item."""
    return edit_each_item(lambda item: item | {name: edit(item[name]) for name in AMOUNTS})


def edit_times(edit: Callable[[str], Any]) -> Change[SelectedRows, bytes]:
    """Edit ts of each item."""
    return edit_each_item(lambda item: item | {TS: edit(item[TS])})


def edit_success(edit: Callable[[SandboxResponse], SandboxResponse]) -> Change[SandboxRequest, SandboxResponse]:
    """Edit each response with status 200."""

    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        response = call_next(request)
        return edit(response) if response.status == 200 else response

    return change


def edit_parameters(edit: Callable[[Parameters], Parameters]) -> Change[bytes, Query]:
    """Edit the parameters before they are parsed."""

    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        return call_next(urlencode(edit(parse_parameters(query_string)), errors="surrogateescape").encode())

    return change


def parse_parameters(query_string: bytes) -> Parameters:
    """The parameters of a query string. The last of a repeated one counts."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))


def edit_query(edit: Callable[[Query], Query]) -> Change[bytes, Query]:
    """Edit a valid query."""
    return lambda query_string, call_next: edit(call_next(query_string))


def edit_rows(
    edit: Callable[[QueryContext, list[Row]], list[Row]], intervals: Collection[str] = INTERVALS
) -> Change[QueryContext, list[Row]]:
    """Edit the rows in ascending order. They are sent in the order of the reading."""

    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        rows = call_next(context)
        if context.query.interval not in intervals:
            return rows
        descending = context.reading.order == "descending"
        edited = edit(context, rows[::-1] if descending else rows)
        return edited[::-1] if descending else edited

    return change


def with_limit(context: QueryContext, limit: int) -> QueryContext:
    """The same query with another limit."""
    return context._replace(query=replace(context.query, limit=limit))


def instant(text: str) -> int | None:
    """The instant of ``text``, or None."""
    try:
        return parse_instant(text)
    except ValueError:
        return None


def instant_text(moment: int) -> str:
    """``moment``, in microseconds, as ISO 8601."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat()


def has_items(response: SandboxResponse) -> bool:
    """True if this response with status 200 has items."""
    return bool(json.loads(response.body)[ITEMS])

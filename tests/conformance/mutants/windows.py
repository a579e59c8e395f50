"""Windows that are cut short, moved or answered inconsistently; and the cap of 7 days."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from allium_market_data.model.intervals import DAY, HOUR, ceil, floor
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import HTTPError, Query
from allium_market_data_wire.contract import OPEN_INTEREST

from .amounts import picked
from .edits import (
    EMPTY,
    ITEMS,
    JSON_HEADERS,
    TIMES,
    edit_query,
    edit_rows,
    edit_success,
    has_items,
    instant,
    instant_text,
    parse_parameters,
)
from .histories import every_sample
from .mutant import Change, Changes, Mutant, QueryContext, Step

MAX_LIMIT: Final = OPEN_INTEREST.limit_maximum
MAX_WINDOW: Final = OPEN_INTEREST.window_cap

CAP: Final = ("window.cap-1", "window.cap-2")
_WHOLE: Final = ("bucket.last-sample-1", "series.open-interest-2")
_ROWS: Final = ("limit.most-rows-1", "limit.range-1", *CAP)
_SAMPLES: Final = ("answer.samples-1",)
_PAGE_OF_ROWS: Final = 1000


def _select(name: str, description: str, clauses: tuple[str, ...], change: Change[QueryContext, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _asked(name: str, description: str, clauses: tuple[str, ...], edit: Callable[[Query], Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=edit_query(edit)))


def _parse(name: str, description: str, clauses: tuple[str, ...], change: Change[bytes, Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=change))


def _empty(
    name: str, description: str, clauses: tuple[str, ...], replacement: Callable[[SandboxResponse], SandboxResponse]
) -> Mutant:
    change = edit_success(lambda response: response if has_items(response) else replacement(response))
    return Mutant(name, description, clauses, Changes(whole=change))


def _last_label(context: QueryContext) -> int:
    """The start of the bucket with the last label before the end of the window."""
    width = context.query.width
    return floor(context.query.end - 1, width) - (width if context.reading.label == "end" else 0)


def _with_first_sample(context: QueryContext, rows: list[Row], start: int) -> list[Row]:
    """Replace the bucket at ``start`` by its first sample."""
    samples = every_sample(context.history, Span(start, start + context.query.width))
    return [(row[0], *samples[0][1:]) if row[0] == start and samples else row for row in rows]


def _first_whole(context: QueryContext) -> int:
    return ceil(context.query.start, context.query.width)


def _long_with_first_samples(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
    long = context.query.end - context.query.start > DAY
    return picked(lambda samples, start, width: samples[0][1:])(context, call_next) if long else call_next(context)


def _with_noise(context: QueryContext, rows: list[Row]) -> list[Row]:
    """Change the first amount in each response."""
    noise = f"{time.time_ns():020}"
    return [(start, f"{base.partition('.')[0]}.{noise}", quote) for start, base, quote in rows[:1]] + rows[1:]


def _latest_for_none(context: QueryContext, rows: list[Row]) -> list[Row]:
    if rows:
        return rows
    last = context.history.last
    return context.history.last_per_bucket(context.query.width, Span(last, last + 1))


def longer(judge: Callable[[int], int | None]) -> Change[bytes, Query]:
    """Set the length of a window of more than 7 days to that of ``judge``, or refuse it for None."""

    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        parameters = parse_parameters(query_string)
        start, end = (instant(parameters.get(name, "")) for name in TIMES)
        if start is None or end is None or end - start <= MAX_WINDOW:
            return call_next(query_string)
        length = judge(end - start)
        if length is None:
            return call_next(query_string)
        # Parse the other parameters with an end that is near enough.
        near = f"&{TIMES[1]}={quote(instant_text(start + MAX_WINDOW))}".encode()
        return replace(call_next(query_string + near), end=start + length)

    return change


def _last_seven_days(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
    query = longer(lambda length: length)(query_string, call_next)
    return replace(query, start=max(query.start, query.end - MAX_WINDOW))


def _refused(too_long: Callable[[Query], bool]) -> Change[bytes, Query]:
    def edit(query: Query) -> Query:
        if too_long(query):
            raise HTTPError(422, "The query window is too long")
        return query

    return edit_query(edit)


def _instead_of_long(response: SandboxResponse) -> Change[SandboxRequest, SandboxResponse]:
    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        parameters = parse_parameters(request.query_string)
        start, end = (instant(parameters.get(name, "")) for name in TIMES)
        long = start is not None and end is not None and end - start > MAX_WINDOW
        refused = call_next(request)
        # A missing key is refused as usual.
        return response if long and refused.status == 422 else refused

    return change


MUTANTS: Final = (
    _asked(
        "rows-capped-at-1000",
        "never more than 1,000 rows, whatever the limit",
        _ROWS,
        lambda query: replace(query, limit=min(query.limit, _PAGE_OF_ROWS)),
    ),
    _asked(
        "only-last-3-days",
        "of a longer window, only the last 3 days are answered",
        (*CAP, *_WHOLE, "start.window-1"),
        lambda query: replace(query, start=max(query.start, query.end - 3 * DAY)),
    ),
    _asked(
        "only-first-5-days",
        "of a longer window, only the first 5 days are answered",
        (*CAP, *_WHOLE, "end.window-1"),
        lambda query: replace(query, end=min(query.end, query.start + 5 * DAY)),
    ),
    _select(
        "hole-in-the-middle",
        "the row in the middle of an answer is missing",
        _WHOLE,
        edit_rows(lambda _, rows: [*rows[: len(rows) // 2], *rows[len(rows) // 2 + 1 :]] if len(rows) > 2 else rows),
    ),
    _select(
        "hole-at-seven",
        "with interval 1h, the bucket at 07:00 is always missing",
        _WHOLE,
        edit_rows(lambda _, rows: [row for row in rows if row[0] % DAY != 7 * HOUR], ("1h",)),
    ),
    _select(
        "first-bucket-missing",
        "the first whole bucket of the window is missing",
        (*_WHOLE, "start.window-1"),
        edit_rows(lambda context, rows: [row for row in rows if row[0] != _first_whole(context)]),
    ),
    _select(
        "last-bucket-missing",
        "the bucket with the last label before the end is missing",
        (*_WHOLE, "end.window-1"),
        edit_rows(lambda context, rows: [row for row in rows if row[0] != _last_label(context)]),
    ),
    _select(
        "first-bucket-partial",
        "the first whole bucket of the window has its first sample",
        _WHOLE,
        edit_rows(lambda context, rows: _with_first_sample(context, rows, _first_whole(context))),
    ),
    _select(
        "last-bucket-partial",
        "the bucket with the last label before the end has its first sample",
        _WHOLE,
        edit_rows(lambda context, rows: _with_first_sample(context, rows, _last_label(context))),
    ),
    _select(
        "long-window-first-samples",
        "in a window of more than a day, buckets have their first sample",
        _WHOLE,
        _long_with_first_samples,
    ),
    _select("never-the-same", "the first amount is different each time", _WHOLE, edit_rows(_with_noise)),
    _select(
        "a-row-lost-at-random",
        "a row is missing, another one each time",
        _WHOLE,
        edit_rows(lambda _, rows: sorted(random.sample(rows, len(rows) - 1)) if len(rows) > 2 else rows),
    ),
    _asked(
        "start-at-midnight",
        "the window begins at the midnight before its start",
        ("start.window-1",),
        lambda query: replace(query, start=floor(query.start, DAY)),
    ),
    _asked(
        "end-at-midnight",
        "the window ends at the midnight after its end",
        ("end.window-1",),
        lambda query: replace(query, end=ceil(query.end, DAY)),
    ),
    _asked(
        "start-ignored",
        "the window is the 7 days before its end",
        ("start.window-1",),
        lambda query: replace(query, start=query.end - MAX_WINDOW),
    ),
    _asked(
        "end-ignored",
        "the window is the 7 days after its start",
        ("end.window-1",),
        lambda query: replace(query, end=query.start + MAX_WINDOW),
    ),
    _empty(
        "empty-404",
        "a window without rows is answered with 404",
        _SAMPLES,
        lambda _: SandboxResponse(404, b"{}", JSON_HEADERS),
    ),
    _empty("empty-500", "a window without rows is answered with 500", _SAMPLES, lambda _: SandboxResponse(500, b"")),
    _empty(
        "empty-204",
        "a window without rows is answered with 204",
        (*_SAMPLES, "answer.status-1"),
        lambda _: SandboxResponse(204, b""),
    ),
    _empty(
        "empty-null",
        "a window without rows has null for items",
        (*_SAMPLES, "answer.items-1"),
        lambda response: replace(response, body=json.dumps({ITEMS: None}).encode()),
    ),
    _empty(
        "empty-without-items",
        "a window without rows has no items in its answer",
        (*_SAMPLES, "answer.required-1"),
        lambda response: replace(response, body=b"{}"),
    ),
    _select(
        "empty-latest",
        "a window without rows is answered with the market's latest row",
        (*_SAMPLES, "end.window-1"),
        edit_rows(_latest_for_none),
    ),
    _parse("cap-cuts-the-end", "of more than 7 days, the first 7 are answered", CAP, longer(lambda _: MAX_WINDOW)),
    _parse("cap-cuts-the-start", "of more than 7 days, the last 7 are answered", CAP, _last_seven_days),
    _parse(
        "cap-in-whole-days",
        "a window of more than 7 and less than 8 days is answered",
        CAP,
        longer(lambda length: length if length < 8 * DAY else None),
    ),
    _parse(
        "cap-8-days",
        "a window of up to 8 days is answered",
        CAP,
        longer(lambda length: length if length <= 8 * DAY else None),
    ),
    _parse("cap-ignored", "a window of any length is answered", CAP, longer(lambda length: length)),
    Mutant(
        "cap-empty",
        "a window of more than 7 days is answered with no items",
        CAP,
        Changes(whole=_instead_of_long(SandboxResponse(200, EMPTY, JSON_HEADERS))),
    ),
    Mutant(
        "cap-500",
        "a window of more than 7 days is answered with 500",
        (*CAP, "answer.status-1"),
        Changes(whole=_instead_of_long(SandboxResponse(500, b""))),
    ),
    _parse(
        "cap-exclusive",
        "exactly 7 days are refused",
        CAP,
        _refused(lambda query: query.end - query.start == MAX_WINDOW),
    ),
    _parse(
        "cap-6-days", "more than 6 days are refused", CAP, _refused(lambda query: query.end - query.start > 6 * DAY)
    ),
    _parse(
        "cap-by-buckets",
        "a window of more buckets than the maximum limit is refused",
        (*CAP, "limit.most-rows-1"),
        _refused(lambda query: query.end - query.start > MAX_LIMIT * query.width),
    ),
)

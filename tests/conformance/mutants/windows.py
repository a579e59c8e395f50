"""Windows that are cut short, moved, or remembered differently; and the cap of 7 days."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import DAY, HOUR, ceil, floor
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import MAX_LIMIT, MAX_WINDOW, HTTPError, Query

from .amounts import picked
from .edits import JSON_HEADERS, TIMES, has_items, instant, instant_text, parameters_of, question, rows, success
from .histories import every_sample
from .mutant import Asked, Change, Changes, Mutant, Step

_CAP: Final = ("window.cap-1", "window.cap-2")
_WHOLE: Final = ("bucket.last-sample-1", "series.open-interest-2")
_ROWS: Final = ("limit.most-rows-1", "limit.range-1", *_CAP)
_EMPTY: Final = ("answer.samples-1",)
_PAGE_OF_ROWS: Final = 1000


def _select(name: str, description: str, clauses: tuple[str, ...], change: Change[Asked, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _asked(name: str, description: str, clauses: tuple[str, ...], edit: Callable[[Query], Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=question(edit)))


def _parse(name: str, description: str, clauses: tuple[str, ...], change: Change[bytes, Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=change))


def _empty(
    name: str, description: str, clauses: tuple[str, ...], instead: Callable[[SandboxResponse], SandboxResponse]
) -> Mutant:
    change = success(lambda answer: answer if has_items(answer) else instead(answer))
    return Mutant(name, description, clauses, Changes(whole=change))


def _last_label(asked: Asked) -> int:
    """The start of the bucket with the last label before the end of the window."""
    width = asked.query.width
    return floor(asked.query.end - 1, width) - (width if asked.reading.label == "end" else 0)


def _with_first_sample(asked: Asked, found: list[Row], start: int) -> list[Row]:
    """The bucket that begins at ``start`` gets its first sample."""
    samples = every_sample(asked.history, Span(start, start + asked.query.width))
    return [(row[0], *samples[0][1:]) if row[0] == start and samples else row for row in found]


def _first_whole(asked: Asked) -> int:
    return ceil(asked.query.start, asked.query.width)


def _long_with_first_samples(asked: Asked, following: Step[Asked, list[Row]]) -> list[Row]:
    long = asked.query.end - asked.query.start > DAY
    return picked(lambda samples, start, width: samples[0][1:])(asked, following) if long else following(asked)


def _with_noise(asked: Asked, found: list[Row]) -> list[Row]:
    """No two answers have the same first amount."""
    noise = f"{time.time_ns():020}"
    return [(start, f"{base.partition('.')[0]}.{noise}", quote) for start, base, quote in found[:1]] + found[1:]


def _latest_for_none(asked: Asked, found: list[Row]) -> list[Row]:
    if found:
        return found
    last = asked.history.last
    return asked.history.last_per_bucket(asked.query.width, Span(last, last + 1))


def _longer(judge: Callable[[int], int | None]) -> Change[bytes, Query]:
    """A window of more than 7 days is made as long as ``judge`` says, from its start; None refuses it."""

    def change(query_string: bytes, following: Step[bytes, Query]) -> Query:
        given = parameters_of(query_string)
        start, end = (instant(given.get(name, "")) for name in TIMES)
        if start is None or end is None or end - start <= MAX_WINDOW:
            return following(query_string)
        length = judge(end - start)
        if length is None:
            return following(query_string)
        # The rest of the question is judged as ever: with an end that is near enough.
        near = b"&end_timestamp=" + instant_text(start + MAX_WINDOW).replace("+", "%2B").encode()
        return replace(following(query_string + near), end=start + length)

    return change


def _last_seven_days(query_string: bytes, following: Step[bytes, Query]) -> Query:
    query = _longer(lambda length: length)(query_string, following)
    return replace(query, start=max(query.start, query.end - MAX_WINDOW))


def _refused(too_long: Callable[[Query], bool]) -> Change[bytes, Query]:
    def edit(query: Query) -> Query:
        if too_long(query):
            raise HTTPError(422, "The query window is too long")
        return query

    return question(edit)


def _instead_of_long(answer: SandboxResponse) -> Change[SandboxRequest, SandboxResponse]:
    def change(call: SandboxRequest, following: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        given = parameters_of(call.query_string)
        start, end = (instant(given.get(name, "")) for name in TIMES)
        long = start is not None and end is not None and end - start > MAX_WINDOW
        refused = following(call)
        # Without a key there is nothing to say about windows.
        return answer if long and refused.status == 422 else refused

    return change


NOTHING: Final = b'{"items":[]}'

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
        (*_CAP, *_WHOLE, "start.window-1"),
        lambda query: replace(query, start=max(query.start, query.end - 3 * DAY)),
    ),
    _asked(
        "only-first-5-days",
        "of a longer window, only the first 5 days are answered",
        (*_CAP, *_WHOLE, "end.window-1"),
        lambda query: replace(query, end=min(query.end, query.start + 5 * DAY)),
    ),
    _select(
        "hole-in-the-middle",
        "the row in the middle of an answer is missing",
        _WHOLE,
        rows(lambda _, found: [*found[: len(found) // 2], *found[len(found) // 2 + 1 :]] if len(found) > 2 else found),
    ),
    _select(
        "hole-at-seven",
        "with interval 1h, the bucket at 07:00 is always missing",
        _WHOLE,
        rows(lambda _, found: [row for row in found if row[0] % DAY != 7 * HOUR], ("1h",)),
    ),
    _select(
        "first-bucket-missing",
        "the first whole bucket of the window is missing",
        (*_WHOLE, "start.window-1"),
        rows(lambda asked, found: [row for row in found if row[0] != _first_whole(asked)]),
    ),
    _select(
        "last-bucket-missing",
        "the bucket with the last label before the end is missing",
        (*_WHOLE, "end.window-1"),
        rows(lambda asked, found: [row for row in found if row[0] != _last_label(asked)]),
    ),
    _select(
        "first-bucket-partial",
        "the first whole bucket of the window has its first sample",
        _WHOLE,
        rows(lambda asked, found: _with_first_sample(asked, found, _first_whole(asked))),
    ),
    _select(
        "last-bucket-partial",
        "the bucket with the last label before the end has its first sample",
        _WHOLE,
        rows(lambda asked, found: _with_first_sample(asked, found, _last_label(asked))),
    ),
    _select(
        "long-window-first-samples",
        "in a window of more than a day, buckets have their first sample",
        _WHOLE,
        _long_with_first_samples,
    ),
    _select("never-the-same", "the first amount is different each time", _WHOLE, rows(_with_noise)),
    _select(
        "a-row-lost-at-random",
        "a row is missing, another one each time",
        _WHOLE,
        rows(lambda _, found: sorted(random.sample(found, len(found) - 1)) if len(found) > 2 else found),
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
        _EMPTY,
        lambda _: SandboxResponse(404, b"{}", JSON_HEADERS),
    ),
    _empty("empty-500", "a window without rows is answered with 500", _EMPTY, lambda _: SandboxResponse(500, b"")),
    _empty(
        "empty-204",
        "a window without rows is answered with 204",
        (*_EMPTY, "answer.status-1"),
        lambda _: SandboxResponse(204, b""),
    ),
    _empty(
        "empty-null",
        "a window without rows has null for items",
        (*_EMPTY, "answer.items-1"),
        lambda answer: replace(answer, body=json.dumps({"items": None}).encode()),
    ),
    _empty(
        "empty-without-items",
        "a window without rows has no items in its answer",
        (*_EMPTY, "answer.required-1"),
        lambda answer: replace(answer, body=b"{}"),
    ),
    _select(
        "empty-latest",
        "a window without rows is answered with the market's latest row",
        (*_EMPTY, "end.window-1"),
        rows(_latest_for_none),
    ),
    _parse("cap-cuts-the-end", "of more than 7 days, the first 7 are answered", _CAP, _longer(lambda _: MAX_WINDOW)),
    _parse("cap-cuts-the-start", "of more than 7 days, the last 7 are answered", _CAP, _last_seven_days),
    _parse(
        "cap-in-whole-days",
        "a window of more than 7 and less than 8 days is answered",
        _CAP,
        _longer(lambda length: length if length < 8 * DAY else None),
    ),
    _parse(
        "cap-8-days",
        "a window of up to 8 days is answered",
        _CAP,
        _longer(lambda length: length if length <= 8 * DAY else None),
    ),
    _parse("cap-ignored", "a window of any length is answered", _CAP, _longer(lambda length: length)),
    Mutant(
        "cap-empty",
        "a window of more than 7 days is answered with no items",
        _CAP,
        Changes(whole=_instead_of_long(SandboxResponse(200, NOTHING, JSON_HEADERS))),
    ),
    Mutant(
        "cap-500",
        "a window of more than 7 days is answered with 500",
        (*_CAP, "answer.status-1"),
        Changes(whole=_instead_of_long(SandboxResponse(500, b""))),
    ),
    _parse(
        "cap-exclusive",
        "exactly 7 days are refused",
        _CAP,
        _refused(lambda query: query.end - query.start == MAX_WINDOW),
    ),
    _parse(
        "cap-6-days", "more than 6 days are refused", _CAP, _refused(lambda query: query.end - query.start > 6 * DAY)
    ),
    _parse(
        "cap-5000-buckets",
        "a window of more than 5,000 buckets is refused",
        (*_CAP, "limit.most-rows-1"),
        _refused(lambda query: query.end - query.start > MAX_LIMIT * query.width),
    ),
)

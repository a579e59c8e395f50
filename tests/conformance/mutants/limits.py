"""Limits that are ignored, miscounted, or keep the wrong rows; and limits that should have been refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from allium_market_data.sandbox.answer import Row
from allium_market_data.sandbox.query import HTTPError, Query
from allium_market_data_wire.contract import OPEN_INTEREST

from .edits import LIMIT, Parameters, edit_parameters, edit_query, parse_parameters, with_limit
from .histories import Counted
from .mutant import Change, Changes, Mutant, QueryContext, Step

_MOST: Final = ("limit.most-rows-1",)
_RANGE: Final = ("limit.range-1", "limit.maximum-1")
_DEFAULT: Final = ("limit.default-1",)
_HUGE: Final = 10**9
MAX_LIMIT: Final = OPEN_INTEREST.limit_maximum
DEFAULT_LIMIT: Final = OPEN_INTEREST.limit_default


def _select(name: str, description: str, clauses: tuple[str, ...], change: Change[QueryContext, list[Row]]) -> Mutant:
    return Mutant(name, description, clauses, Changes(select=change))


def _parse(name: str, description: str, clauses: tuple[str, ...], change: Change[bytes, Query]) -> Mutant:
    return Mutant(name, description, clauses, Changes(parse=change))


def _limited(name: str, description: str, clauses: tuple[str, ...], limit: Callable[[int], int]) -> Mutant:
    """Apply another limit."""

    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        return call_next(with_limit(context, limit(context.query.limit)))

    return _select(name, description, clauses, change)


def _chosen(choose: Callable[[list[Row], int], list[Row]]) -> Change[QueryContext, list[Row]]:
    """``choose`` the rows to keep if there are more than the limit."""

    def change(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
        rows = call_next(with_limit(context, _HUGE))
        limit = context.query.limit
        return choose(rows, limit) if len(rows) > limit else rows

    return change


def _from_the_middle(rows: list[Row], limit: int) -> list[Row]:
    skipped = (len(rows) - limit + 1) // 2
    return rows[skipped : skipped + limit]


def _from_both_ends(rows: list[Row], limit: int) -> list[Row]:
    first = (limit + 1) // 2
    return [*rows[:first], *rows[len(rows) - (limit - first) :]]


def _other_end_from_100(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
    if context.query.limit < 100:
        return call_next(context)
    other = replace(context.reading, keep="latest" if context.reading.keep == "earliest" else "earliest")
    return call_next(context._replace(reading=other))


def _of_samples(context: QueryContext, call_next: Step[QueryContext, list[Row]]) -> list[Row]:
    counted = Counted(context.history, context.query.limit, context.reading.keep == "latest")
    return call_next(context._replace(history=counted))


def _lenient(is_odd: Callable[[str], object], limit: Callable[[str], str | None]) -> Change[bytes, Query]:
    """Replace an odd limit instead of refusing it; None removes it."""

    def edit(parameters: Parameters) -> Parameters:
        if not is_odd(parameters.get(LIMIT, "")):
            return parameters
        replacement = limit(parameters[LIMIT])
        rest = {name: text for name, text in parameters.items() if name != LIMIT}
        return rest if replacement is None else rest | {LIMIT: replacement}

    return edit_parameters(edit)


def _then(is_odd: Callable[[str], object], limit: Callable[[int], int]) -> Change[bytes, Query]:
    """Accept an odd limit, whatever its value."""

    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        text = parse_parameters(query_string).get(LIMIT, "")
        if not is_odd(text):
            return call_next(query_string)
        return replace(call_next(query_string + f"&{LIMIT}=1".encode()), limit=limit(int(text)))

    return change


def _default(limit: int) -> Change[bytes, Query]:
    def change(query_string: bytes, call_next: Step[bytes, Query]) -> Query:
        query = call_next(query_string)
        return query if LIMIT in parse_parameters(query_string) else replace(query, limit=limit)

    return change


def _refused(is_wrong: Callable[[int], bool]) -> Change[bytes, Query]:
    def edit(query: Query) -> Query:
        if is_wrong(query.limit):
            raise HTTPError(422, "The limit is out of range")
        return query

    return edit_query(edit)


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _is_over(text: str) -> bool:
    """True above the maximum; numbers of ten digits and more are refused as usual."""
    return text.isdecimal() and len(text) < 10 and int(text) > MAX_LIMIT


MUTANTS: Final = (
    _limited("limit-ignored", "the limit is ignored", _MOST, lambda _: _HUGE),
    _limited("limit-plus-one", "one row more than the limit", _MOST, lambda limit: limit + 1),
    _limited(
        "limit-minus-one",
        "one row less than the limit, where that leaves one",
        (*_MOST, "limit.range-1", *_DEFAULT),
        lambda limit: max(limit - 1, 1),
    ),
    _limited("limit-doubled", "twice as many rows as the limit", _MOST, lambda limit: 2 * limit),
    _select("limit-keeps-the-middle", "the rows in the middle survive the limit", _MOST, _chosen(_from_the_middle)),
    _select(
        "limit-keeps-both-ends", "half of the rows that survive are from each end", _MOST, _chosen(_from_both_ends)
    ),
    _select(
        "limit-keeps-every-second",
        "every second row survives the limit",
        _MOST,
        _chosen(lambda rows, limit: rows[::2][:limit]),
    ),
    _select(
        "limit-thins-out",
        "rows are thinned out evenly to fit the limit",
        _MOST,
        _chosen(lambda rows, limit: [rows[place * len(rows) // limit] for place in range(limit)]),
    ),
    _select("limit-other-end-from-100", "a limit of 100 and more keeps the other end", _MOST, _other_end_from_100),
    _select("limit-of-samples", "the limit counts samples, not rows", (*_MOST, "bucket.last-sample-1"), _of_samples),
    _parse(
        "limit-over-most-lowered",
        "a limit above the maximum is lowered to it",
        _RANGE,
        _lenient(_is_over, lambda _: f"{MAX_LIMIT}"),
    ),
    _parse(
        "limit-over-most-served", "a limit above the maximum is honoured", _RANGE, _then(_is_over, lambda limit: limit)
    ),
    _parse(
        "limit-0-as-1",
        "limit=0 is raised to 1",
        ("limit.minimum-1",),
        _lenient(_like("0"), lambda _: "1"),
    ),
    _parse(
        "limit-0-as-default",
        "limit=0 is the default",
        ("limit.minimum-1",),
        _lenient(_like("0"), lambda _: None),
    ),
    _parse(
        "limit-0-empty",
        "limit=0 is answered with no items",
        ("limit.minimum-1",),
        _then(_like("0"), lambda _: 0),
    ),
    _parse(
        "limit-negative-as-default",
        "limit=-1 is the default",
        ("limit.minimum-1",),
        _lenient(_like(r"-\d+"), lambda _: None),
    ),
    _parse(
        "limit-negative-all",
        "limit=-1 gives all rows",
        ("limit.minimum-1",),
        _then(_like(r"-\d{1,9}"), lambda _: _HUGE),
    ),
    _parse(
        "limit-1-refused",
        "limit=1 is refused",
        ("limit.range-1", "limit.minimum-1"),
        _refused(lambda limit: limit == 1),
    ),
    _parse("limit-most-refused", "the maximum limit is refused", _RANGE, _refused(lambda limit: limit == MAX_LIMIT)),
    _parse(
        "limit-almost-most-refused",
        "the maximum limit and the one before it are refused",
        _RANGE,
        _refused(lambda limit: limit >= MAX_LIMIT - 1),
    ),
    _parse("limit-1000-most", "a limit above 1,000 is refused", _RANGE, _refused(lambda limit: limit > 1000)),
    _parse(
        "limit-text-as-default",
        "a limit of letters is the default",
        ("limit.type-1",),
        _lenient(_like("[a-z]+"), lambda _: None),
    ),
    _parse(
        "limit-fraction-cut",
        "a limit with a fraction loses it",
        ("limit.type-1",),
        _lenient(_like(r"\d+\.\d+"), lambda text: text.partition(".")[0]),
    ),
    _parse("default-limit-100", "without a limit it is 100", _DEFAULT, _default(100)),
    _parse("default-limit-499", "without a limit it is 499", _DEFAULT, _default(DEFAULT_LIMIT - 1)),
    _parse("default-limit-1000", "without a limit it is 1,000", _DEFAULT, _default(1000)),
    _parse("default-limit-none", "without a limit there is none", _DEFAULT, _default(_HUGE)),
    _parse(
        "limit-needed",
        "without a limit the request is refused",
        _DEFAULT,
        edit_parameters(lambda parameters: {LIMIT: "missing"} | parameters),
    ),
)

"""Amounts and times in a wrong format."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Final

from allium_market_data.model.intervals import HOUR, SECOND
from allium_market_data.sandbox.instants import parse_instant

from .edits import FIRST, LAST, Item, edit_amounts, edit_last_item, edit_times, instant_text
from .mutant import Change, Changes, Mutant, SelectedRows, Step

_PLAIN: Final = ("row.oi-base-example-1", "row.oi-quote-usd-example-1")
_FINITE: Final = ("row.oi-base-unit-1", "row.oi-base-example-1")
_TS: Final = ("row.ts-iso-8601-1",)
_BOUNDARY: Final = ("row.ts-boundary-1", "interval.bucket-1")
_FULL_WIDTH: Final = {ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}


def _mutant(name: str, description: str, clauses: tuple[str, ...], change: Change[SelectedRows, bytes]) -> Mutant:
    return Mutant(name, description, clauses, Changes(render=change))


def _amount(name: str, description: str, edit: Callable[[str], str]) -> Mutant:
    return _mutant(name, description, _PLAIN, edit_amounts(edit))


def _last_base(name: str, description: str, clauses: tuple[str, ...], text: str) -> Mutant:
    return _mutant(name, description, clauses, edit_last_item(lambda item: item | {FIRST: text}))


def _ts(name: str, description: str, clauses: tuple[str, ...], edit: Callable[[str], str]) -> Mutant:
    return _mutant(name, description, clauses, edit_times(edit))


def _thousands(text: str) -> str:
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _moved(by: int) -> Callable[[str], str]:
    """Move the instant by ``by``, and keep the format: with Z, or with an offset."""

    def edit(text: str) -> str:
        moment = parse_instant(text) + by
        head, fraction = instant_text(moment)[:19], moment % SECOND
        return f"{head}.{fraction:06}{'Z' if text.endswith('Z') else '+00:00'}"

    return edit


def _naive(text: str) -> str:
    return text.removesuffix("Z").removesuffix("+00:00")


def _days_by_date(selected: SelectedRows, call_next: Step[SelectedRows, bytes]) -> bytes:
    if selected.context.query.interval != "1d":
        return call_next(selected)
    return edit_times(lambda text: text[:10])(selected, call_next)


def _negative_quote(item: Item) -> Item:
    return item | {LAST: f"-{item[LAST]}"}


MUTANTS: Final = (
    _amount("amount-exponent", "amounts have an exponent", lambda text: f"{Decimal(text):E}"),
    _amount("amount-thousands", "amounts have commas between the thousands", _thousands),
    _amount(
        "amount-underscores", "amounts have underscores between the thousands", lambda text: f"{text[0]}_{text[1:]}"
    ),
    _amount("amount-decimal-comma", "amounts have a comma for the point", lambda text: text.replace(".", ",")),
    _amount("amount-plus", "amounts begin with a plus", lambda text: f"+{text}"),
    _amount("amount-spaces", "amounts have a space before them", lambda text: f" {text}"),
    _amount("amount-trailing-point", "amounts end in a point", lambda text: f"{text.partition('.')[0]}."),
    _amount("amount-full-width", "amounts are written in full-width digits", lambda text: text.translate(_FULL_WIDTH)),
    _amount("amount-unit", "amounts carry their unit", lambda text: f"{text} USD"),
    _mutant(
        "amount-negative",
        "amounts are negative",
        ("row.oi-base-unit-1", "row.oi-quote-usd-unit-1", *_PLAIN),
        edit_amounts(lambda text: f"-{text}"),
    ),
    _mutant(
        "quote-negative-at-last",
        "the last amount of the last item is negative",
        ("row.oi-quote-usd-unit-1", "row.oi-quote-usd-example-1"),
        edit_last_item(_negative_quote),
    ),
    _last_base("base-nan", 'the first amount of the last item is "NaN"', _FINITE, "NaN"),
    _last_base("base-infinity", 'the first amount of the last item is "Infinity"', _FINITE, "Infinity"),
    _last_base("base-empty", "the first amount of the last item is an empty text", _FINITE, ""),
    _last_base("base-null-text", 'the first amount of the last item is "null"', _FINITE, "null"),
    _ts("ts-naive", "ts has no offset", _TS, _naive),
    _ts("ts-epoch-text", "ts is the seconds since 1970, as text", _TS, lambda text: f"{parse_instant(text) // SECOND}"),
    _ts("ts-http-date", "ts is written as in HTTP", _TS, lambda text: format_datetime(datetime.fromisoformat(text))),
    _mutant("ts-date-only-for-1d", "with interval 1d, ts is a date without time and offset", _TS, _days_by_date),
    _ts("ts-second-late", "ts is a second behind the boundary", _BOUNDARY, _moved(SECOND)),
    _ts("ts-last-microsecond", "ts is the last microsecond before the boundary", _BOUNDARY, _moved(-1)),
    _ts(
        "ts-local",
        "ts has the digits of UTC and the offset +02:00: another instant",
        (*_TS, *_BOUNDARY, "start.window-1"),
        lambda text: f"{_naive(text)}+02:00",
    ),
    _ts(
        "ts-half-hour-off",
        "ts is half an hour late",
        (*_BOUNDARY, "end.window-1", "bucket.last-sample-1"),
        _moved(HOUR // 2),
    ),
)

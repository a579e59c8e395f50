"""Faults on single days: a leap day, the turn of a year, the days on which clocks change. History goes back for years."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from allium_market_data.model.intervals import DAY, floor
from allium_market_data.sandbox.answer import History, Row

from .edits import edit_rows
from .histories import RepeatedHistory
from .mutant import Changes, Mutant, QueryContext, Step

_CLAUSES: Final = ("bucket.last-sample-1", "bucket.last-sample-2", "bucket.last-sample-3")


def long_history(market_id: str, call_next: Step[str, History]) -> History:
    """The samples of the market, repeated backwards for years."""
    return RepeatedHistory(call_next(market_id))


def _is_leap_day(day: datetime) -> bool:
    return (day.month, day.day) == (2, 29)


def _is_new_year(day: datetime) -> bool:
    return (day.month, day.day) == (1, 1)


def _clocks_change(day: datetime) -> bool:
    """True on the last Sunday of March, when clocks change in Europe."""
    return day.month == 3 and day.day > 24 and day.weekday() == 6


def _hole(name: str, description: str, interval: str, is_wrong: Callable[[datetime], bool]) -> Mutant:
    """On some days, the last bucket before noon is missing at one interval."""

    def keep(context: QueryContext, rows: list[Row]) -> list[Row]:
        missing = floor(DAY // 2 - 1, context.query.width)
        return [row for row in rows if row[0] % DAY != missing or not is_wrong(_day(row[0]))]

    return Mutant(name, description, _CLAUSES, Changes(find=long_history, select=edit_rows(keep, (interval,))))


def _day(instant: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)


MUTANTS: Final = (
    _hole("leap-day-4h", "on a leap day, a bucket of 4h is missing", "4h", _is_leap_day),
    _hole("leap-day-1d", "a leap day has no bucket of 1d", "1d", _is_leap_day),
    _hole("new-year-1h", "on 1 January, a bucket of 1h is missing", "1h", _is_new_year),
    _hole("new-year-1m", "on 1 January, a bucket of 1m is missing", "1m", _is_new_year),
    _hole("clocks-change-15m", "on the day on which clocks change, a bucket of 15m is missing", "15m", _clocks_change),
    _hole("clocks-change-5m", "on the day on which clocks change, a bucket of 5m is missing", "5m", _clocks_change),
)

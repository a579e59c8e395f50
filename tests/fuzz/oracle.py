"""What an answer holds, told the slow and plain way: json, Decimal, and one row after the other.

It shares no code with the client's decoder. `told` gives the rows that an answer stands for, or None where it is no
answer to the question; `is_plain` says whether the decoder has no excuse to see it otherwise.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = ("market_id", "ts", "oi_base", "oi_quote_usd")
DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class Asked:
    """What was asked. ``width`` is that of a bucket."""

    market_id: str
    width: timedelta
    start: datetime
    end: datetime
    limit: int
    now: datetime


@dataclass(frozen=True)
class Row:
    """A row, its decimals as they are written."""

    ts: datetime
    values: tuple[str, str]
    provisional: bool


@dataclass(frozen=True)
class Told:
    """The rows of an answer, ascending, and how often each unknown field stood there."""

    rows: list[Row]
    unknown: Mapping[str, int]


class _WrongError(Exception):
    pass


def told(body: bytes, asked: Asked) -> Told | None:
    """The rows that the body stands for as an answer to what was asked; None for a body that is no answer to it."""
    try:
        page = json.loads(body.decode("utf-8"), parse_constant=_constant)
        return _page(page, asked)
    except (ValueError, RecursionError, OverflowError, _WrongError):
        return None


def is_plain(body: bytes) -> bool:
    """Whether it is JSON that every reader reads alike: no name twice in an object, no escapes, no names that are unknown."""
    twice = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        names = [name for name, _ in found]
        twice |= len(set(names)) != len(names) or not set(names) <= {*FIELDS, "items"}
        return dict(found)

    try:
        json.loads(body.decode("ascii"), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return False
    return not twice and b"\\" not in body


def _constant(_: str) -> NoReturn:
    raise _WrongError


def _need(holds: bool) -> None:
    if not holds:
        raise _WrongError


def _page(page: Any, asked: Asked) -> Told:
    _need(isinstance(page, dict) and isinstance(page.get("items"), list))
    items = page["items"]
    _need(len(items) <= asked.limit)
    unknown = Counter(name for name in page if name != "items")
    kept: dict[datetime, tuple[str, str]] = {}
    for item in items:
        _need(isinstance(item, dict) and all(isinstance(item.get(name), str) for name in FIELDS))
        _need(item["market_id"] == asked.market_id)
        unknown.update(name for name in item if name not in FIELDS)
        ts, values = _stamp(item["ts"], asked.width), (item["oi_base"], item["oi_quote_usd"])
        _need(asked.start <= ts <= asked.end + asked.width)
        numbers = [_decimal(value) for value in values]
        _need([_decimal(value) for value in kept.setdefault(ts, values)] == numbers)
    rows = [Row(ts, kept[ts], ts + asked.width > asked.now or ts + asked.width == asked.now) for ts in sorted(kept)]
    return Told(rows, dict(unknown))


def _decimal(text: str) -> Decimal:
    whole, point, rest = text.partition(".")
    _need(bool(whole) and bool(rest) == bool(point) and DIGITS.issuperset(whole + rest))
    return Decimal(text)


def _stamp(text: str, width: timedelta) -> datetime:
    """A time on a boundary, written like 2026-05-01T01:00, :00 and zeros behind it perhaps, with an offset."""
    _need(text.isascii() and len(text) >= 17)
    date, time, rest = text[:10], text[11:16], text[16:]
    _need(date[4] == date[7] == "-" and text[10] == "T" and time[2] == ":")
    numbers = [date[:4], date[5:7], date[8:], time[:2], time[3:]]
    _need(all(DIGITS.issuperset(number) for number in numbers))
    if rest.startswith(":00"):
        rest = rest[3:]
        if rest.startswith("."):
            left = rest[1:].lstrip("0")
            _need(len(left) < len(rest) - 1)
            rest = left
    year, month, day, hour, minute = map(int, numbers)
    try:
        stamp = datetime(year, month, day, hour, minute, tzinfo=UTC) - _offset(rest)
    except (ValueError, OverflowError):
        raise _WrongError from None
    _need((stamp - EPOCH) % width == timedelta(0))
    return stamp


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta(0)
    _need(len(text) == 6 and text[0] in "+-" and text[3] == ":" and DIGITS.issuperset(text[1:3] + text[4:]))
    hours, minutes = int(text[1:3]), int(text[4:])
    _need(hours < 24 and minutes < 60)
    ahead = timedelta(hours=hours, minutes=minutes)
    return ahead if text[0] == "+" else -ahead

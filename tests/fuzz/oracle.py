"""A slow and simple decoder, to compare with the client's: json, Decimal, and one row after the other.

It shares no code with the client. `decode` returns the rows of a body, or None if the body is not a valid page;
`is_plain` is True if the client must agree.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from allium_market_data_wire.contract import Operation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class Request:
    """A request. ``width`` is the width of a bucket."""

    operation: Operation
    market_id: str
    width: timedelta
    start: datetime
    end: datetime
    now: datetime

    @property
    def names(self) -> tuple[str, ...]:
        """The decimals of a row, as sent."""
        return tuple(field.name for field in self.operation.decimals)

    @property
    def fields(self) -> frozenset[str]:
        """The fields of a row."""
        return frozenset({self.operation.market_field, self.operation.timestamp_field, *self.names})


@dataclass(frozen=True)
class Row:
    """A row, with its decimals as text."""

    ts: datetime
    values: tuple[str, ...]
    provisional: bool


@dataclass(frozen=True)
class Page:
    """The rows of a page, ascending, and the number of occurrences of each unknown field."""

    rows: list[Row]
    unknown: Mapping[str, int]


class _InvalidError(Exception):
    pass


def decode(body: bytes, request: Request) -> Page | None:
    """The page of a response body; None if the body is not a valid response to ``request``."""
    try:
        return _page(json.loads(body.decode("utf-8"), parse_constant=_constant), request)
    except (ValueError, RecursionError, OverflowError, _InvalidError):
        return None


def is_plain(body: bytes, request: Request) -> bool:
    """True for JSON that every parser reads alike: no repeated names, no escapes, no unknown names."""
    is_ambiguous = False

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_ambiguous
        names = [name for name, _ in pairs]
        is_ambiguous |= len(set(names)) != len(names) or not set(names) <= {
            *request.fields,
            request.operation.items_field,
        }
        return dict(pairs)

    try:
        json.loads(body.decode("ascii"), object_pairs_hook=to_dict)
    except (ValueError, RecursionError):
        return False
    return not is_ambiguous and b"\\" not in body


def _constant(_: str) -> NoReturn:
    raise _InvalidError


def _require(holds: bool) -> None:
    if not holds:
        raise _InvalidError


def _page(page: Any, request: Request) -> Page:
    operation = request.operation
    _require(isinstance(page, dict) and isinstance(page.get(operation.items_field), list))
    items = page[operation.items_field]
    _require(len(items) <= operation.limit_maximum)
    unknown = Counter(name for name in page if name != operation.items_field)
    values_at: dict[datetime, tuple[str, ...]] = {}
    for item in items:
        texts = request.fields - ({operation.timestamp_field} if _is_number(operation) else set())
        _require(isinstance(item, dict) and all(isinstance(item.get(name), str) for name in texts))
        _require(item[operation.market_field] == request.market_id)
        unknown.update(name for name in item if name not in request.fields)
        read = _milliseconds if _is_number(operation) else _stamp
        ts = read(item.get(operation.timestamp_field), request.width)
        values = tuple(item[name] for name in request.names)
        _require(request.start <= ts <= request.end + request.width)
        numbers = [_decimal(value) for value in values]
        _require([_decimal(value) for value in values_at.setdefault(ts, values)] == numbers)
    rows = [
        Row(ts, values_at[ts], ts + request.width > request.now or ts + request.width == request.now)
        for ts in sorted(values_at)
    ]
    return Page(rows, dict(unknown))


def _decimal(text: str) -> Decimal:
    whole, point, rest = text.partition(".")
    _require(bool(whole) and bool(rest) == bool(point) and DIGITS.issuperset(whole + rest))
    return Decimal(text)


def _is_number(operation: Operation) -> bool:
    return operation.timestamp_format == "epoch-milliseconds"


def _milliseconds(number: Any, width: timedelta) -> datetime:
    """A boundary of ``width``, in whole milliseconds since 1970."""
    _require(type(number) is int)
    stamp = EPOCH + timedelta(milliseconds=number)
    _require((stamp - EPOCH) % width == timedelta(0))
    return stamp


def _stamp(text: str, width: timedelta) -> datetime:
    """A boundary of ``width``, like 2026-05-01T01:00, perhaps with :00 and zeros of a second, and an offset."""
    _require(text.isascii() and len(text) >= 17)
    date, time, rest = text[:10], text[11:16], text[16:]
    _require(date[4] == date[7] == "-" and text[10] == "T" and time[2] == ":")
    numbers = [date[:4], date[5:7], date[8:], time[:2], time[3:]]
    _require(all(DIGITS.issuperset(number) for number in numbers))
    if rest.startswith(":00"):
        rest = rest[3:]
        if rest.startswith("."):
            after_zeros = rest[1:].lstrip("0")
            _require(len(after_zeros) < len(rest) - 1)
            rest = after_zeros
    year, month, day, hour, minute = map(int, numbers)
    try:
        stamp = datetime(year, month, day, hour, minute, tzinfo=UTC) - _offset(rest)
    except (ValueError, OverflowError):
        raise _InvalidError from None
    _require((stamp - EPOCH) % width == timedelta(0))
    return stamp


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta(0)
    _require(len(text) == 6 and text[0] in "+-" and text[3] == ":" and DIGITS.issuperset(text[1:3] + text[4:]))
    hours, minutes = int(text[1:3]), int(text[4:])
    _require(hours < 24 and minutes < 60)
    ahead = timedelta(hours=hours, minutes=minutes)
    return ahead if text[0] == "+" else -ahead

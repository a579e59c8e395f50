"""From the bytes of an answer to checked rows. Pure: bytes in; rows, or an error that names the place, out.

The quick way checks whole columns at once. Only when something is wrong is the answer looked at row by row, to say where.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import msgspec

from .errors import ConnectionFailedError, ContractError
from .intervals import WIDTHS, Interval
from .resource import Resource
from .rows import EPOCH, Columns
from .times import text
from .windows import Window

DECIMALS = re.compile(r"(?:[0-9]++(?:\.[0-9]++)?+\n)*+")
"""Lines of plain decimals: digits, and perhaps a point and more digits. No sign, exponent, grouping or space."""

STAMPS = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::00(?:\.0++)?+)?+(?:Z|[+-][0-9]{2}:[0-9]{2})\n)*+"
)
"""Lines of ISO 8601 times on a whole minute, with an offset; every bucket boundary is one."""

PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?:\.items\[(?P<row>\d+)\])?(?:\.(?P<field>\w+))?.*`)?", re.DOTALL)
"""How msgspec ends its message: where it stood."""

NAMED = re.compile(r"required field `(?P<field>\w+)`")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as far as an answer is held against it. ``now`` is when it was asked."""

    resource: Resource
    market_id: str
    interval: Interval
    window: Window
    now: datetime

    @property
    def width(self) -> timedelta:
        """The width of a bucket."""
        return timedelta(microseconds=WIDTHS[self.interval])


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one answer, ascending and unique, and in how many places each unknown field was seen."""

    rows: Columns
    unknown: Mapping[str, int]


def decode(body: bytes, question: Question) -> Answer:
    """The rows of an answer, checked against the specification and against what was asked.

    Raises ``ContractError`` with ``row`` and ``field`` for everything that the specification does not allow, and
    ``ConnectionFailedError`` for a body that stops in the middle.
    """
    items, unknown = _parse(body, question.resource)
    if len(items) > question.resource.limit:
        _wrong(f"{len(items)} rows, more than the limit of {question.resource.limit}")
    ids = [item.market_id for item in items]
    if ids.count(question.market_id) != len(ids):
        row = next(i for i, one in enumerate(ids) if one != question.market_id)
        _wrong(f"{_show(ids[row])} is not the market that was asked for", row, "market_id")
    values = tuple([getattr(item, name) for item in items] for name in question.resource.values)
    for name, column in zip(question.resource.values, values, strict=True):
        _check_decimals(column, name)
    stamps = _read_stamps([item.ts for item in items], question.width)
    rows = _in_order(stamps, values, question.resource)
    _check_inside(rows.ts, stamps, question)
    return Answer(_mark(rows, question), unknown)


def _wrong(what: str, row: int | None = None, field: str | None = None) -> NoReturn:
    place = ", ".join(f"{name} {value}" for name, value in (("row", row), ("field", field)) if value is not None)
    raise ContractError(f"the answer breaks the contract: {place}{': ' if place else ''}{what}", row=row, field=field)


def _show(value: str) -> str:
    """A value from a server as it may stand in a message: short, and with no control character."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")


@lru_cache
def _decoder(values: tuple[str, ...], strict: bool) -> msgspec.json.Decoder[Any]:
    fields = [(name, str) for name in ("market_id", "ts", *values)]
    row = msgspec.defstruct("Row", fields, forbid_unknown_fields=strict, gc=False)
    page = msgspec.defstruct("Page", [("items", list[row])], forbid_unknown_fields=strict)  # type: ignore[valid-type]
    return msgspec.json.Decoder(page)


def _parse(body: bytes, resource: Resource) -> tuple[list[Any], Mapping[str, int]]:
    """The items with every field as the text that was sent, and the unknown fields."""
    try:
        try:
            return _decoder(resource.values, True).decode(body).items, {}
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            return _decoder(resource.values, False).decode(body).items, _unknown(body, resource)
    except msgspec.ValidationError as error:
        message = str(error)
    except RecursionError:
        _wrong("JSON nested too deeply")
    except ValueError as error:  # malformed JSON, or text that is not UTF-8
        if "truncated" in str(error):
            raise ConnectionFailedError("the answer stops in the middle of its JSON") from None
        _wrong(f"no JSON: {error}"[:200])
    found = PLACE.fullmatch(message)
    named = NAMED.search(message)
    row = found and found["row"]
    field = (named and named["field"]) or (found and found["field"])
    _wrong(found["what"] if found else message, int(row) if row else None, field or None)


def _unknown(body: bytes, resource: Resource) -> Mapping[str, int]:
    """How often each field that the document does not name appears, in an item or beside ``items``."""
    known = {"market_id", "ts", *resource.values}
    page = msgspec.json.decode(body)
    count = Counter(name for item in page["items"] for name in item if name not in known)
    count.update(name for name in page if name != "items")
    return dict(count)


def _check_decimals(column: list[str], field: str) -> None:
    lines = "\n".join(column) + "\n" if column else ""
    if DECIMALS.fullmatch(lines) and lines.count("\n") == len(column):
        return
    row = next(i for i, value in enumerate(column) if "\n" in value or not DECIMALS.fullmatch(value + "\n"))
    _wrong(f"{_show(column[row])} is not a plain, finite, non-negative decimal", row, field)


def _read_stamps(column: list[str], width: timedelta) -> list[datetime]:
    """The bucket labels as aware UTC datetimes, each on a boundary."""
    lines = "\n".join(column) + "\n" if column else ""
    try:
        if not STAMPS.fullmatch(lines) or lines.count("\n") != len(column):
            raise ValueError
        stamps = list(map(datetime.fromisoformat, column))
        if {stamp.tzinfo for stamp in stamps} - {UTC}:
            stamps = [stamp.astimezone(UTC) for stamp in stamps]
        if width > timedelta(minutes=1) and any((stamp - EPOCH) % width for stamp in stamps):
            raise ValueError
    except (ValueError, OverflowError):
        for row, value in enumerate(column):
            _check_stamp(value, row, width)
        raise
    return stamps


def _check_stamp(value: str, row: int, width: timedelta) -> None:
    try:
        stamp = datetime.fromisoformat(value)
        on_boundary = stamp.utcoffset() is not None and not (stamp - EPOCH) % width
        stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        _wrong(f"{_show(value)} is no ISO 8601 time", row, "ts")
    if stamp.utcoffset() is None:
        _wrong(f"{_show(value)} has no offset", row, "ts")
    if not on_boundary or re.search(r"[.,]0*[1-9]", value):
        _wrong(f"{_show(value)} is not on a boundary of its interval ({width})", row, "ts")
    if "\n" in value or not STAMPS.fullmatch(value + "\n"):
        _wrong(f"{_show(value)} is not written like 2026-05-01T01:00:00+00:00", row, "ts")


def _in_order(stamps: list[datetime], values: tuple[list[str], ...], resource: Resource) -> Columns:
    """Ascending and unique. A bucket that stands there twice must have the same values both times."""
    if all(map(operator.lt, stamps, islice(stamps, 1, None))):
        return Columns(stamps, values, [])
    if all(map(operator.gt, stamps, islice(stamps, 1, None))):
        return Columns(stamps[::-1], tuple(column[::-1] for column in values), [])
    kept: dict[datetime, int] = {}
    for row, stamp in enumerate(stamps):
        first = kept.setdefault(stamp, row)
        for name, column in zip(resource.values, values, strict=True):
            if column[row] != column[first] and Decimal(column[row]) != Decimal(column[first]):
                what = f"the bucket {text(stamp)} stands there twice, as {_show(column[first])} in row {first}"
                _wrong(f"{what} and as {_show(column[row])}", row, name)
    order = sorted(kept)
    return Columns(order, tuple([column[kept[stamp]] for stamp in order] for column in values), [])


def _check_inside(ordered: list[datetime], sent: list[datetime], question: Question) -> None:
    """No reading of the specification labels a bucket before the window, or more than one bucket behind it."""
    window, width = question.window, question.width
    if ordered and (ordered[0] < window.start or ordered[-1] - width > window.end):
        stray = ordered[0] if ordered[0] < window.start else ordered[-1]
        _wrong(f"the bucket {text(stray)} lies outside of the window", sent.index(stray), "ts")


def _mark(rows: Columns, question: Question) -> Columns:
    """Provisional is a bucket whose end was not in the past. The label may be its start, so its end one width later."""
    closed = question.now - question.width
    settled = not rows.ts or rows.ts[-1] < closed
    flags = [False] * len(rows) if settled else [stamp >= closed for stamp in rows.ts]
    return Columns(rows.ts, rows.values, flags)

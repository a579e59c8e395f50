"""From the bytes of an answer to checked rows. Pure: bytes in; rows, or an error that names the place, out.

The quick way checks whole columns at once. Only when something is wrong is the answer looked at row by row, to say where.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import gt, lt
from typing import Any, Final, Literal, NoReturn

import msgspec

from .errors import ConnectionFailedError, ContractError
from .intervals import WIDTHS, Interval
from .labels import Labels, spelled
from .resource import Resource
from .rows import Columns
from .runs import runs
from .times import EPOCH, micros, text
from .windows import Window

DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
"""A plain decimal: digits, and perhaps a point and more digits. No sign, exponent, grouping or space."""

STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:00(\.0+)?)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""An ISO 8601 time on a whole minute, with an offset; every bucket boundary is one."""

MINUTE_IN_UTC = re.compile(r":00(\.0+)?(Z|\+00:00)")
"""How a time on a whole minute ends behind its minute, when it is in UTC."""

PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?:\.items\[(?P<row>\d+)\])?(?:\.(?P<field>\w+))?.*`)?", re.DOTALL)
"""How msgspec ends its message: where it stood."""

LONGEST_TAIL = 40
"""The most characters behind the minute that are taken for a usual way to write."""

MANY = 32
"""An answer with more than one gap in so many rows is read label by label."""

MOST_UNKNOWN, LONGEST_NAME = 100, 200
"""A server may add fields. What it adds is remembered by name, so names are few, and their characters too."""

MINUTE = timedelta(minutes=1)

ANY_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)

COLUMNS: Final[tuple[Callable[[list[Any]], list[str]], ...]] = (
    lambda items: [item.value_0 for item in items],
    lambda items: [item.value_1 for item in items],
    lambda items: [item.value_2 for item in items],
    lambda items: [item.value_3 for item in items],
    lambda items: [item.value_4 for item in items],
    lambda items: [item.value_5 for item in items],
)
"""The decimal columns of items, by their place: a name that the compiler knows is read in half the time of any other."""

NAMED = re.compile(r"required field `(?P<field>\w+)`")

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
"""Names alone: what an unknown field holds is skipped, and takes no memory."""


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
    items, unknown = _parse(body, question)
    if len(items) > question.resource.limit:
        _wrong(f"{len(items)} rows, more than the limit of {question.resource.limit}")
    values = tuple([column(items) for column, _ in zip(COLUMNS, question.resource.values, strict=False)])
    for name, column in zip(question.resource.values, values, strict=True):
        _check_decimals(column, name)
    sent = [item.ts for item in items]
    rows = _ascending(sent, values, question)
    _check_inside(rows.ts, sent, question)
    return Answer(_mark(rows, question), unknown)


def _wrong(what: str, row: int | None = None, field: str | None = None) -> NoReturn:
    place = ", ".join(f"{name} {value}" for name, value in (("row", row), ("field", field)) if value is not None)
    raise ContractError(f"the answer breaks the contract: {place}{': ' if place else ''}{what}", row=row, field=field)


def _show(value: str) -> str:
    """A value from a server as it may stand in a message: short, and with no control character."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")


@lru_cache(maxsize=256)
def _decoder(market_id: str, values: tuple[str, ...], strict: bool) -> msgspec.json.Decoder[Any]:
    """Reads every field as the text that was sent; the market must be the one that was asked for."""
    names = {f"value_{place}": name for place, name in enumerate(values)}
    fields = [("market_id", Literal[market_id]), *((name, str) for name in ("ts", *names))]
    row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=strict, gc=False)
    page = msgspec.defstruct("Page", [("items", list[row])], forbid_unknown_fields=strict)  # type: ignore[valid-type]
    return msgspec.json.Decoder(page)


def _parse(body: bytes, question: Question) -> tuple[list[Any], Mapping[str, int]]:
    """The items, and the unknown fields."""
    resource, market_id = question.resource, question.market_id
    try:
        try:
            return _decoder(market_id, resource.values, True).decode(body).items, {}
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            return _decoder(market_id, resource.values, False).decode(body).items, _unknown(body, resource)
    except msgspec.ValidationError as error:
        message = str(error)
    except RecursionError:
        _wrong("JSON nested too deeply")
    except (msgspec.MsgspecError, ValueError) as error:  # malformed JSON, or text that is not UTF-8
        if "truncated" in str(error):
            raise ConnectionFailedError("the answer stops in the middle of its JSON") from None
        _wrong(f"no JSON: {error}"[:200])
    found = PLACE.fullmatch(message)
    named = NAMED.search(message)
    row = found and found["row"]
    field = (named and named["field"]) or (found and found["field"])
    what = found["what"] if found else message
    if field == "market_id" and what.startswith("Invalid enum value "):
        what = f"{_show(what.removeprefix('Invalid enum value '))} is not the market that was asked for"
    _wrong(what, int(row) if row else None, field or None)


def _unknown(body: bytes, resource: Resource) -> Mapping[str, int]:
    """How often each field that the document does not name appears, in an item or beside ``items``."""
    known = {"market_id", "ts", *resource.values}
    _ = body.isascii() or body.decode("utf-8")  # what is skipped is not looked at, and must be text all the same
    page = _FIELDS.decode(body)
    count = Counter(name for item in _ITEMS.decode(page["items"]) for name in item if name not in known)
    count.update(name for name in page if name != "items")
    if len(count) > MOST_UNKNOWN or max(map(len, count), default=0) > LONGEST_NAME:
        _wrong(f"{len(count)} fields that the specification does not name, or one with a name without end")
    return dict(count)


def _check_decimals(column: list[str], field: str) -> None:
    """Whole columns at a time: without the digits only points are left, and no point or end lacks a digit beside it."""
    lines = f",{','.join(column)},".encode("utf-8", "surrogatepass")
    points = lines.translate(None, b"0123456789")
    odd = points.translate(None, b".,") or points.count(b",") != len(column) + 1 or b".." in points
    if column and (odd or b".." in lines.replace(b",", b".")):
        row = next(row for row, value in enumerate(column) if not DECIMAL.fullmatch(value))
        _wrong(f"{_show(column[row])} is not a plain, finite, non-negative decimal", row, field)


def _ascending(sent: list[str], values: tuple[list[str], ...], question: Question) -> Columns:
    """The rows in ascending order, each once, with their labels read."""
    width = WIDTHS[question.interval]
    if sent and sent[0] > sent[-1]:
        labels = _neighbours(sent[::-1], question.interval)
        if labels is not None:
            return Columns(labels, tuple([column[::-1] for column in values]), [])
    elif (labels := _neighbours(sent, question.interval)) is not None:
        return Columns(labels, values, [])
    stamps = _read_stamps(sent, question.width)
    return _in_order(stamps, values, question.resource, width)


class _Texts(Sequence[datetime]):
    """Written labels, each read when it is looked at."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def __len__(self) -> int:
        return len(self._sent)

    def __getitem__(self, index: Any) -> Any:
        part = self._sent[index]
        return list(map(datetime.fromisoformat, part)) if isinstance(index, slice) else datetime.fromisoformat(part)


def _neighbours(sent: list[str], interval: Interval) -> Labels | None:
    """The labels of ascending rows with few gaps, all written alike; None where that is not so.

    What the labels must then look like is spelled out and compared as a whole, which is far quicker than to read each.
    """
    width, tail = WIDTHS[interval], sent[0][16:] if sent else "Z"
    if not MINUTE_IN_UTC.fullmatch(tail[:LONGEST_TAIL]):
        return None
    try:
        ranges = list(islice(runs(_Texts(sent), interval), 2 + len(sent) // MANY))
        starts = [micros(datetime.fromisoformat(sent[first])) for first, _ in ranges]
    except (ValueError, TypeError, OverflowError):
        return None
    counts = (stop - first for first, stop in ranges)
    lines = ",".join([spelled(start, count, width, tail) for start, count in zip(starts, counts, strict=True)])
    labels = Labels(width, starts, [stop for _, stop in ranges])
    return labels if lines == ",".join(sent) and labels.ascend else None


def _read_stamps(column: list[str], width: timedelta) -> list[datetime]:
    """The bucket labels as aware UTC datetimes, each on a boundary."""
    if not column:
        return []
    tail = column[0][16:]
    lines = ",".join(column) + ","
    alike = MINUTE_IN_UTC.fullmatch(tail) and lines.count(tail + ",") == len(column)
    # Python reads more than STAMP allows: dates by week, any character for the T, digits without end.
    if not alike or _shape(lines) != _shape(f"0000-00-00T00:00{tail},") * len(column):
        return [_read_stamp(value, row, width) for row, value in enumerate(column)]
    stamps: list[datetime] = []
    try:
        stamps = list(map(datetime.fromisoformat, column))
        off = width > MINUTE and any((stamp - EPOCH) % width for stamp in stamps)
    except ValueError:
        off = True
    return [_read_stamp(value, row, width) for row, value in enumerate(column)] if off else stamps


def _shape(text: str) -> bytes:
    """The text with a zero for each digit."""
    return text.encode("utf-8", "surrogatepass").translate(ANY_DIGIT)


def _read_stamp(value: str, row: int, width: timedelta) -> datetime:
    """One label by itself, to take what is written in an unusual way, and to say what is wrong."""
    try:
        stamp = datetime.fromisoformat(value)
        aware = stamp.utcoffset() is not None
        stamp = stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        _wrong(f"{_show(value)} is no ISO 8601 time", row, "ts")
    if not aware:
        _wrong(f"{_show(value)} has no offset", row, "ts")
    if (stamp - EPOCH) % width or re.search(r"[.,]0*[1-9]", value):
        _wrong(f"{_show(value)} is not on a boundary of its interval ({width})", row, "ts")
    if not STAMP.fullmatch(value):
        _wrong(f"{_show(value)} is not written like 2026-05-01T01:00:00+00:00", row, "ts")
    return stamp


def _in_order(stamps: list[datetime], values: tuple[list[str], ...], resource: Resource, width: int) -> Columns:
    """Ascending and unique. A bucket that stands there twice must have the same values both times."""
    if all(map(lt, stamps, islice(stamps, 1, None))):
        return Columns(Labels.of(stamps, width), values, [])
    if all(map(gt, stamps, islice(stamps, 1, None))):
        return Columns(Labels.of(stamps[::-1], width), tuple(column[::-1] for column in values), [])
    kept: dict[datetime, int] = {}
    for row, stamp in enumerate(stamps):
        first = kept.setdefault(stamp, row)
        for name, column in zip(resource.values, values, strict=True):
            if column[row] != column[first] and Decimal(column[row]) != Decimal(column[first]):
                what = f"the bucket {text(stamp)} stands there twice, as {_show(column[first])} in row {first}"
                _wrong(f"{what} and as {_show(column[row])}", row, name)
    order = sorted(kept)
    return Columns(Labels.of(order, width), tuple([column[kept[stamp]] for stamp in order] for column in values), [])


def _check_inside(ordered: Sequence[datetime], sent: list[str], question: Question) -> None:
    """No reading of the specification labels a bucket before the window, or more than one bucket behind it."""
    window, width = question.window, question.width
    if ordered and (ordered[0] < window.start or ordered[-1] - width > window.end):
        stray = ordered[0] if ordered[0] < window.start else ordered[-1]
        row = next(row for row, value in enumerate(sent) if datetime.fromisoformat(value) == stray)
        _wrong(f"the bucket {text(stray)} lies outside of the window", row, "ts")


def _mark(rows: Columns, question: Question) -> Columns:
    """Provisional is a bucket whose end was not in the past. The label may be its start, so its end one width later."""
    closed = question.now - question.width
    settled = not rows.ts or rows.ts[-1] < closed
    flags = [False] * len(rows) if settled else [stamp >= closed for stamp in rows.ts]
    return Columns(rows.ts, rows.values, flags)

"""From the bytes of an answer to checked rows. Pure: bytes in; rows, or an error that names the place, out.

The quick way checks whole columns at once. Only when something is wrong is the answer looked at row by row, to say where.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import gt, lt
from typing import Any, Final, Literal

import msgspec

from ..errors import ConnectionFailedError
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval
from ..model.rows import PLAIN_DECIMAL, Columns
from ..model.times import to_iso
from ..model.timestamps import Timestamps
from ..model.windows import Window
from ..sanitize import preview
from .error_response import contract_error
from .timestamp_text import parse_all, parse_fast

PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?:\.items\[(?P<row>\d+)\])?(?:\.(?P<field>\w+))?.*`)?", re.DOTALL)
"""How msgspec ends its message: where it stood."""

MOST_UNKNOWN, LONGEST_NAME = 100, 200
"""A server may add fields. What it adds is remembered by name, so names are few, and their characters too."""

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
class PageRequest:
    """What was asked, as far as an answer is held against it. ``now`` is when it was asked."""

    resource: Endpoint
    market_id: str
    interval: Interval
    window: Window
    now: datetime

    @property
    def width(self) -> timedelta:
        """The width of a bucket."""
        return timedelta(microseconds=WIDTHS[self.interval])


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer, ascending and unique, and in how many places each unknown field was seen."""

    rows: Columns
    unknown: Mapping[str, int]


def decode(body: bytes, question: PageRequest) -> Page:
    """The rows of an answer, checked against the specification and against what was asked.

    Raises ``ContractError`` with ``row`` and ``field`` for everything that the specification does not allow, and
    ``ConnectionFailedError`` for a body that stops in the middle.
    """
    items, unknown = _parse(body, question)
    if len(items) > question.resource.limit:
        raise contract_error(f"{len(items)} rows, more than the limit of {question.resource.limit}")
    values = tuple([column(items) for column, _ in zip(COLUMNS, question.resource.values, strict=False)])
    for name, column in zip(question.resource.values, values, strict=True):
        _check_decimals(column, name)
    sent = [item.ts for item in items]
    rows = _ascending(sent, values, question)
    _check_inside(rows.ts, sent, question)
    return Page(_mark(rows, question), unknown)


@lru_cache(maxsize=256)
def _decoder(market_id: str, values: tuple[str, ...], strict: bool) -> msgspec.json.Decoder[Any]:
    """Reads every field as the text that was sent; the market must be the one that was asked for."""
    names = {f"value_{place}": name for place, name in enumerate(values)}
    fields = [("market_id", Literal[market_id]), *((name, str) for name in ("ts", *names))]
    row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=strict, gc=False)
    page = msgspec.defstruct("Page", [("items", list[row])], forbid_unknown_fields=strict)  # type: ignore[valid-type]
    return msgspec.json.Decoder(page)


def _parse(body: bytes, question: PageRequest) -> tuple[list[Any], Mapping[str, int]]:
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
        raise contract_error("JSON nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:  # malformed JSON, or text that is not UTF-8
        if "truncated" in str(error):
            raise ConnectionFailedError("the answer stops in the middle of its JSON") from None
        raise contract_error(f"no JSON: {error}"[:200]) from None
    found = PLACE.fullmatch(message)
    named = NAMED.search(message)
    row = found and found["row"]
    field = (named and named["field"]) or (found and found["field"])
    what = found["what"] if found else message
    if field == "market_id" and what.startswith("Invalid enum value "):
        what = f"{preview(what.removeprefix('Invalid enum value '))} is not the market that was asked for"
    raise contract_error(what, int(row) if row else None, field or None)


def _unknown(body: bytes, resource: Endpoint) -> Mapping[str, int]:
    """How often each field that the document does not name appears, in an item or beside ``items``."""
    known = {"market_id", "ts", *resource.values}
    _ = body.isascii() or body.decode("utf-8")  # what is skipped is not looked at, and must be text all the same
    page = _FIELDS.decode(body)
    count = Counter(name for item in _ITEMS.decode(page["items"]) for name in item if name not in known)
    count.update(name for name in page if name != "items")
    if len(count) > MOST_UNKNOWN or max(map(len, count), default=0) > LONGEST_NAME:
        raise contract_error(
            f"{len(count)} fields that the specification does not name, or one with a name without end"
        )
    return dict(count)


def _check_decimals(column: list[str], field: str) -> None:
    """Whole columns at a time: without the digits only points are left, and no point or end lacks a digit beside it."""
    lines = f",{','.join(column)},".encode("utf-8", "surrogatepass")
    points = lines.translate(None, b"0123456789")
    odd = points.translate(None, b".,") or points.count(b",") != len(column) + 1 or b".." in points
    if column and (odd or b".." in lines.replace(b",", b".")):
        row = next(row for row, value in enumerate(column) if not PLAIN_DECIMAL.fullmatch(value))
        raise contract_error(f"{preview(column[row])} is not a plain, finite, non-negative decimal", row, field)


def _ascending(sent: list[str], values: tuple[list[str], ...], question: PageRequest) -> Columns:
    """The rows in ascending order, each once, with their labels read."""
    width = WIDTHS[question.interval]
    if sent and sent[0] > sent[-1]:
        labels = parse_fast(sent[::-1], question.interval)
        if labels is not None:
            return Columns(labels, tuple([column[::-1] for column in values]), [])
    elif (labels := parse_fast(sent, question.interval)) is not None:
        return Columns(labels, values, [])
    stamps = parse_all(sent, question.width)
    return _in_order(stamps, values, question.resource, width)


def _in_order(stamps: list[datetime], values: tuple[list[str], ...], resource: Endpoint, width: int) -> Columns:
    """Ascending and unique. A bucket that stands there twice must have the same values both times."""
    if all(map(lt, stamps, islice(stamps, 1, None))):
        return Columns(Timestamps.of(stamps, width), values, [])
    if all(map(gt, stamps, islice(stamps, 1, None))):
        return Columns(Timestamps.of(stamps[::-1], width), tuple(column[::-1] for column in values), [])
    kept: dict[datetime, int] = {}
    for row, stamp in enumerate(stamps):
        first = kept.setdefault(stamp, row)
        for name, column in zip(resource.values, values, strict=True):
            if column[row] != column[first] and Decimal(column[row]) != Decimal(column[first]):
                what = f"the bucket {to_iso(stamp)} stands there twice, as {preview(column[first])} in row {first}"
                raise contract_error(f"{what} and as {preview(column[row])}", row, name)
    order = sorted(kept)
    return Columns(
        Timestamps.of(order, width), tuple([column[kept[stamp]] for stamp in order] for column in values), []
    )


def _check_inside(ordered: Sequence[datetime], sent: list[str], question: PageRequest) -> None:
    """No reading of the specification labels a bucket before the window, or more than one bucket behind it."""
    window, width = question.window, question.width
    if ordered and (ordered[0] < window.start or ordered[-1] - width > window.end):
        stray = ordered[0] if ordered[0] < window.start else ordered[-1]
        row = next(row for row, value in enumerate(sent) if datetime.fromisoformat(value) == stray)
        raise contract_error(f"the bucket {to_iso(stray)} lies outside of the window", row, "ts")


def _mark(rows: Columns, question: PageRequest) -> Columns:
    """Provisional is a bucket whose end was not in the past. The label may be its start, so its end one width later."""
    closed = question.now - question.width
    settled = not rows.ts or rows.ts[-1] < closed
    flags = [False] * len(rows) if settled else [stamp >= closed for stamp in rows.ts]
    return Columns(rows.ts, rows.values, flags)

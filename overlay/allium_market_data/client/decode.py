"""From the body of a response to checked rows, or an error that names the row and the field.

Whole columns are checked at once. Only if a check fails are the rows examined one by one, to find the wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import attrgetter, gt, lt
from typing import Any, Literal

import msgspec

from allium_market_data_wire.contract import DecimalField, Operation

from ..errors import ConnectionFailedError
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval
from ..model.rows import PLAIN_DECIMAL, SIGNED_DECIMAL, Columns
from ..model.times import to_iso
from ..model.timestamps import Timestamps
from ..model.windows import Window
from ..sanitize import preview
from .error_response import contract_error
from .timestamp_text import READERS, parse, parse_fast

MSGSPEC_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?:\.\w+\[(?P<row>\d+)\])?(?:\.(?P<field>\w+))?.*`)?", re.DOTALL)
"""A message of msgspec, which ends with the place of the error."""

MISSING_FIELD = re.compile(r"required field `(?P<field>\w+)`")

MAX_UNKNOWN_FIELDS, MAX_NAME_LENGTH = 100, 200
"""A server may add fields. Their names are kept, so their number and length are bounded."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
"""Decode the names of fields only. Their values are skipped and take no memory."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What was requested, for checking the response. ``now`` is the time of the request."""

    endpoint: Endpoint
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
    """The rows of one response, ascending and unique, and how often each unknown field occurs."""

    rows: Columns
    unknown_fields: Mapping[str, int]


def decode(body: bytes, request: PageRequest) -> Page:
    """The rows of a response, checked against the specification and the request.

    Raises ``ContractError`` with ``row`` and ``field`` for what the specification does not allow, and
    ``ConnectionFailedError`` for a truncated body.
    """
    items, unknown_fields = _parse(body, request)
    operation = request.endpoint.operation
    if len(items) > operation.limit_maximum:
        raise contract_error(f"{len(items)} rows, more than the limit of {operation.limit_maximum}")
    values = _value_columns(items, len(operation.decimals))
    for field, column in zip(operation.decimals, values, strict=True):
        _check_decimals(column, field)
    labels = READERS[operation.timestamp_format]([item.ts for item in items], operation.timestamp_field)
    rows = _ascending(labels, values, request)
    _check_inside(rows.ts, labels, request)
    return Page(_mark_provisional(rows, request), unknown_fields)


def _value_columns(items: list[Any], count: int) -> tuple[list[str], ...]:
    """The decimal fields as columns. Python reads an attribute that is written out in half the time of any other."""
    first = [item.value_0 for item in items]
    second = [item.value_1 for item in items] if count > 1 else []
    others = (list(map(attrgetter(f"value_{index}"), items)) for index in range(2, count))
    return (first, second, *others)[:count]


@lru_cache(maxsize=256)
def _decoder(market_id: str, operation: Operation, strict: bool) -> msgspec.json.Decoder[Any]:
    """Decodes every field as the text or number that was sent. Only the requested market is accepted."""
    stamp = str if operation.timestamp_format == "iso-8601" else int
    values = [f"value_{index}" for index in range(len(operation.decimals))]
    fields = [("market_id", Literal[market_id]), ("ts", stamp), *((name, str) for name in values)]
    names = dict(zip(values, (field.name for field in operation.decimals), strict=True))
    names |= {"market_id": operation.market_field, "ts": operation.timestamp_field}
    row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=strict, gc=False)
    items: Any = ("items", list[row])  # type: ignore[valid-type]
    rename = {"items": operation.items_field}
    return msgspec.json.Decoder(msgspec.defstruct("Page", [items], rename=rename, forbid_unknown_fields=strict))


def _parse(body: bytes, request: PageRequest) -> tuple[list[Any], Mapping[str, int]]:
    """The items, and how often each unknown field occurs."""
    operation, market_id = request.endpoint.operation, request.market_id
    try:
        try:
            return _decoder(market_id, operation, True).decode(body).items, {}
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            return _decoder(market_id, operation, False).decode(body).items, _count_unknown_fields(body, operation)
    except msgspec.ValidationError as error:
        message = str(error)
    except RecursionError:
        raise contract_error("JSON nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:  # malformed JSON, or text that is not UTF-8
        if "truncated" in str(error):
            raise ConnectionFailedError("the JSON of the response is truncated") from None
        raise contract_error(f"invalid JSON: {error}"[:200]) from None
    place = MSGSPEC_ERROR.fullmatch(message)
    missing = MISSING_FIELD.search(message)
    row = place and place["row"]
    field = (missing and missing["field"]) or (place and place["field"])
    what = place["what"] if place else message
    if field == operation.market_field and what.startswith("Invalid enum value "):
        what = f"{preview(what.removeprefix('Invalid enum value '))} is not the requested market"
    raise contract_error(what, int(row) if row else None, field or None)


def _count_unknown_fields(body: bytes, operation: Operation) -> Mapping[str, int]:
    """How often each field occurs that the specification does not have, in an item or next to the list of items."""
    known = {operation.market_field, operation.timestamp_field, *(field.name for field in operation.decimals)}
    items = operation.items_field
    _ = body.isascii() or body.decode("utf-8")  # skipped values are not decoded, and must be UTF-8 all the same
    page = _FIELDS.decode(body)
    count = Counter(name for item in _ITEMS.decode(page[items]) for name in item if name not in known)
    count.update(name for name in page if name != items)
    if len(count) > MAX_UNKNOWN_FIELDS or max(map(len, count), default=0) > MAX_NAME_LENGTH:
        raise contract_error(
            f"{len(count)} fields that the specification does not have, or one with a name over {MAX_NAME_LENGTH} characters"
        )
    return dict(count)


def _check_decimals(column: list[str], field: DecimalField) -> None:
    """Check a whole column at once: only digits and points, at most one point in a value, and a digit on each side of it.

    A value of a signed field may begin with a minus.
    """
    lines = f",{','.join(column)},".encode("utf-8", "surrogatepass")
    if field.is_signed:
        lines = lines.replace(b",-", b",")
    points = lines.translate(None, b"0123456789")
    odd = points.translate(None, b".,") or points.count(b",") != len(column) + 1 or b".." in points
    if column and (odd or b".." in lines.replace(b",", b".")):
        plain, kind = (SIGNED_DECIMAL, "finite") if field.is_signed else (PLAIN_DECIMAL, "finite, non-negative")
        row = next(row for row, value in enumerate(column) if not plain.fullmatch(value))
        raise contract_error(f"{preview(column[row])} is not a plain, {kind} decimal", row, field.name)


def _ascending(labels: list[str], values: tuple[list[str], ...], request: PageRequest) -> Columns:
    """The rows with their timestamps, ascending and each once."""
    if labels and labels[0] > labels[-1]:
        timestamps = parse_fast(labels[::-1], request.interval)
        if timestamps is not None:
            return Columns(timestamps, tuple([column[::-1] for column in values]), [])
    elif (timestamps := parse_fast(labels, request.interval)) is not None:
        return Columns(timestamps, values, [])
    stamps = parse(labels, request.width, request.endpoint.operation.timestamp_field)
    return _sorted(stamps, values, request)


def _sorted(stamps: list[datetime], values: tuple[list[str], ...], request: PageRequest) -> Columns:
    """The rows, ascending and each once. Duplicates of a bucket must have equal values."""
    width = WIDTHS[request.interval]
    if all(map(lt, stamps, islice(stamps, 1, None))):
        return Columns(Timestamps.of(stamps, width), values, [])
    if all(map(gt, stamps, islice(stamps, 1, None))):
        return Columns(Timestamps.of(stamps[::-1], width), tuple(column[::-1] for column in values), [])
    kept: dict[datetime, int] = {}
    for row, stamp in enumerate(stamps):
        first = kept.setdefault(stamp, row)
        for field, column in zip(request.endpoint.operation.decimals, values, strict=True):
            if column[row] != column[first] and Decimal(column[row]) != Decimal(column[first]):
                what = f"the bucket {to_iso(stamp)} occurs twice, with {preview(column[first])} in row {first}"
                raise contract_error(f"{what} and {preview(column[row])}", row, field.name)
    order = sorted(kept)
    return Columns(
        Timestamps.of(order, width), tuple([column[kept[stamp]] for stamp in order] for column in values), []
    )


def _check_inside(ordered: Sequence[datetime], labels: list[str], request: PageRequest) -> None:
    """No reading of the specification labels a bucket before the window, or more than one bucket after it."""
    window, width = request.window, request.width
    if ordered and (ordered[0] < window.start or ordered[-1] - width > window.end):
        stray = ordered[0] if ordered[0] < window.start else ordered[-1]
        row = next(row for row, value in enumerate(labels) if datetime.fromisoformat(value) == stray)
        field = request.endpoint.operation.timestamp_field
        raise contract_error(f"the bucket {to_iso(stray)} is outside the window", row, field)


def _mark_provisional(rows: Columns, request: PageRequest) -> Columns:
    """Mark the buckets whose end was not in the past. A label may be the start of its bucket, which ends one width later."""
    closed = request.now - request.width
    settled = not rows.ts or rows.ts[-1] < closed
    flags = [False] * len(rows) if settled else [stamp >= closed for stamp in rows.ts]
    return Columns(rows.ts, rows.values, flags)

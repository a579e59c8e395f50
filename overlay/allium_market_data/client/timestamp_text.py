"""Parses the labels of a response, as strictly as the specification allows.

Labels in the usual format are checked as a whole; others are parsed one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from allium_market_data_wire.contract import TimestampFormat

from ..model.intervals import WIDTHS, Interval
from ..model.times import EPOCH, from_micros, micros, to_iso
from ..model.timestamps import Timestamps, contiguous_runs, format_run
from ..sanitize import preview
from .error_response import contract_error

STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:00(\.0+)?)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""An ISO 8601 time on a whole minute, with an offset; every bucket boundary is one."""

MINUTE_IN_UTC = re.compile(r":00(\.0+)?(Z|\+00:00)")
"""The rest of a UTC time on a whole minute, after the minute."""

MAX_TAIL = 40
"""How many characters after the minute the usual format may have."""

ROWS_PER_GAP = 32
"""A response with more than one gap per this many rows is parsed label by label."""

MINUTE = timedelta(minutes=1)

MAX_MILLISECONDS = 253_402_300_800_000
"""The first millisecond after the year 9999."""

ANY_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)


def _from_milliseconds(values: list[int], field: str) -> list[str]:
    """Milliseconds since 1970 as text of the usual format."""
    try:
        return [to_iso(from_micros(value * 1000)) for value in values]
    except OverflowError:
        row = next(row for row, value in enumerate(values) if not 0 <= value < MAX_MILLISECONDS)
        raise contract_error(f"{values[row]} is not a time in milliseconds since 1970", row, field) from None


READERS: Final[dict[TimestampFormat, Callable[[list[Any], str], list[str]]]] = {
    "iso-8601": lambda values, _: values,
    "epoch-milliseconds": _from_milliseconds,
}
"""The labels as ISO 8601 text, from the values that were sent and the name of their field; for each format of a contract."""


class _LazyLabels(Sequence[datetime]):
    """Labels that are parsed when they are read."""

    def __init__(self, labels: list[str]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: Any) -> Any:
        part = self._labels[index]
        return list(map(datetime.fromisoformat, part)) if isinstance(index, slice) else datetime.fromisoformat(part)


def parse_fast(labels: list[str], interval: Interval) -> Timestamps | None:
    """The timestamps of ascending rows with few gaps, if all labels have the same usual format; None otherwise.

    The labels of such rows follow from the few at the edges of gaps. They are generated and compared with those sent, which
    is much faster than to parse each.
    """
    width, tail = WIDTHS[interval], labels[0][16:] if labels else "Z"
    if not MINUTE_IN_UTC.fullmatch(tail[:MAX_TAIL]):
        return None
    try:
        ranges = list(islice(contiguous_runs(_LazyLabels(labels), interval), 2 + len(labels) // ROWS_PER_GAP))
        starts = [micros(datetime.fromisoformat(labels[first])) for first, _ in ranges]
    except (ValueError, TypeError, OverflowError):
        return None
    counts = (stop - first for first, stop in ranges)
    lines = ",".join([format_run(start, count, width, tail) for start, count in zip(starts, counts, strict=True)])
    timestamps = Timestamps(width, starts, [stop for _, stop in ranges])
    return timestamps if lines == ",".join(labels) and timestamps.is_ascending else None


def parse(labels: list[str], width: timedelta, field: str) -> list[datetime]:
    """The labels as aware UTC datetimes. Each must be on a boundary of a bucket. ``field`` is the name of their field."""
    if not labels:
        return []
    tail = labels[0][16:]
    lines = ",".join(labels) + ","
    is_uniform = MINUTE_IN_UTC.fullmatch(tail) and lines.count(tail + ",") == len(labels)
    # fromisoformat accepts more than STAMP: dates by week, any character for the T, any number of digits.
    if not is_uniform or _shape(lines) != _shape(f"0000-00-00T00:00{tail},") * len(labels):
        return [parse_one(value, row, width, field) for row, value in enumerate(labels)]
    stamps: list[datetime] = []
    try:
        stamps = list(map(datetime.fromisoformat, labels))
        is_off = width > MINUTE and any((stamp - EPOCH) % width for stamp in stamps)
    except ValueError:
        is_off = True
    return [parse_one(value, row, width, field) for row, value in enumerate(labels)] if is_off else stamps


def _shape(text: str) -> bytes:
    """The text with a zero for each digit."""
    return text.encode("utf-8", "surrogatepass").translate(ANY_DIGIT)


def parse_one(value: str, row: int, width: timedelta, field: str) -> datetime:
    """One label, in an unusual format perhaps. Raises ``ContractError`` for a wrong one."""
    try:
        stamp = datetime.fromisoformat(value)
        is_aware = stamp.utcoffset() is not None
        stamp = stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise contract_error(f"{preview(value)} is not an ISO 8601 time", row, field) from None
    if not is_aware:
        raise contract_error(f"{preview(value)} has no offset", row, field)
    if (stamp - EPOCH) % width or re.search(r"[.,]0*[1-9]", value):
        raise contract_error(f"{preview(value)} is not on a boundary of its interval ({width})", row, field)
    if not STAMP.fullmatch(value):
        raise contract_error(f"{preview(value)} is not written like 2026-05-01T01:00:00+00:00", row, field)
    return stamp

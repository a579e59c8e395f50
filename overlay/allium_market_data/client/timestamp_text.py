"""Labels as a server writes them, read as strictly as the specification allows. Pure.

What most answers look like is compared as a whole; only what is unusual is read label by label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from ..model.intervals import WIDTHS, Interval
from ..model.times import EPOCH, micros
from ..model.timestamps import Timestamps, contiguous_runs, format_run
from ..sanitize import preview
from .error_response import contract_error

STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:00(\.0+)?)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""An ISO 8601 time on a whole minute, with an offset; every bucket boundary is one."""

MINUTE_IN_UTC = re.compile(r":00(\.0+)?(Z|\+00:00)")
"""How a time on a whole minute ends behind its minute, when it is in UTC."""

LONGEST_TAIL = 40
"""The most characters behind the minute that are taken for a usual way to write."""

MANY = 32
"""An answer with more than one gap in so many rows is read label by label."""

MINUTE = timedelta(minutes=1)

ANY_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)


class _Texts(Sequence[datetime]):
    """Written labels, each read when it is looked at."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def __len__(self) -> int:
        return len(self._sent)

    def __getitem__(self, index: Any) -> Any:
        part = self._sent[index]
        return list(map(datetime.fromisoformat, part)) if isinstance(index, slice) else datetime.fromisoformat(part)


def parse_fast(sent: list[str], interval: Interval) -> Timestamps | None:
    """The labels of ascending rows with few gaps, all written alike; None where that is not so.

    What the labels must then look like is written out and compared as a whole, which is far quicker than to read each.
    """
    width, tail = WIDTHS[interval], sent[0][16:] if sent else "Z"
    if not MINUTE_IN_UTC.fullmatch(tail[:LONGEST_TAIL]):
        return None
    try:
        ranges = list(islice(contiguous_runs(_Texts(sent), interval), 2 + len(sent) // MANY))
        starts = [micros(datetime.fromisoformat(sent[first])) for first, _ in ranges]
    except (ValueError, TypeError, OverflowError):
        return None
    counts = (stop - first for first, stop in ranges)
    lines = ",".join([format_run(start, count, width, tail) for start, count in zip(starts, counts, strict=True)])
    labels = Timestamps(width, starts, [stop for _, stop in ranges])
    return labels if lines == ",".join(sent) and labels.is_ascending else None


def parse_all(column: list[str], width: timedelta) -> list[datetime]:
    """The bucket labels as aware UTC datetimes, each on a boundary."""
    if not column:
        return []
    tail = column[0][16:]
    lines = ",".join(column) + ","
    alike = MINUTE_IN_UTC.fullmatch(tail) and lines.count(tail + ",") == len(column)
    # Python reads more than STAMP allows: dates by week, any character for the T, digits without end.
    if not alike or _shape(lines) != _shape(f"0000-00-00T00:00{tail},") * len(column):
        return [parse_one(value, row, width) for row, value in enumerate(column)]
    stamps: list[datetime] = []
    try:
        stamps = list(map(datetime.fromisoformat, column))
        off = width > MINUTE and any((stamp - EPOCH) % width for stamp in stamps)
    except ValueError:
        off = True
    return [parse_one(value, row, width) for row, value in enumerate(column)] if off else stamps


def _shape(text: str) -> bytes:
    """The text with a zero for each digit."""
    return text.encode("utf-8", "surrogatepass").translate(ANY_DIGIT)


def parse_one(value: str, row: int, width: timedelta) -> datetime:
    """One label by itself, to take what is written in an unusual way, and to say what is wrong."""
    try:
        stamp = datetime.fromisoformat(value)
        aware = stamp.utcoffset() is not None
        stamp = stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise contract_error(f"{preview(value)} is no ISO 8601 time", row, "ts") from None
    if not aware:
        raise contract_error(f"{preview(value)} has no offset", row, "ts")
    if (stamp - EPOCH) % width or re.search(r"[.,]0*[1-9]", value):
        raise contract_error(f"{preview(value)} is not on a boundary of its interval ({width})", row, "ts")
    if not STAMP.fullmatch(value):
        raise contract_error(f"{preview(value)} is not written like 2026-05-01T01:00:00+00:00", row, "ts")
    return stamp

"""Conversion between ISO 8601 text and microseconds since 1970-01-01T00:00:00Z.

The grammar is a date, or a date and a time, with or without an offset; without one it is UTC, as the specification
says. `datetime.fromisoformat` is not used, because its grammar differs between Python versions.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from ..model.intervals import DAY, HOUR, MINUTE, SECOND

LabelFormat: TypeAlias = Literal["micros", "z", "milliseconds"]
"""``2026-05-01T01:00:00.000000+00:00``, ``2026-05-01T01:00:00Z`` or ``1777597200000``."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

_ISO: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def parse_instant(text: str) -> int:
    """The instant of ``text``, in microseconds.

    Raises `ValueError`, with a message for the user, for text that is not a date or time of ISO 8601 in the years 1 to
    9999, and for an instant between two microseconds.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 date or time")
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    fraction = (match["fraction"] or "").ljust(9, "0")
    if fraction[6:] != "000":
        raise ValueError("finer than a microsecond")
    try:
        days = date(int(match["year"]), int(match["month"]), int(match["day"])).toordinal() - _EPOCH_DAY
    except ValueError:
        raise ValueError("no such date") from None
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time of day")
    local = days * DAY + hour * HOUR + minute * MINUTE + second * SECOND + int(fraction[:6])
    return local - _offset(match["zone"])


def _offset(zone: str | None) -> int:
    """The offset of ``zone`` from UTC, in microseconds."""
    if zone is None or zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset from UTC")
    ahead = hours * HOUR + minutes * MINUTE
    return -ahead if zone[0] == "-" else ahead


@lru_cache(maxsize=1024)
def minute_texts(day: int, zulu: bool) -> tuple[str, ...]:
    """The text of the 1,440 minutes of a ``day`` (counted from 1970): with ``zulu`` as ``...Z``, else in microseconds.

    Every label is a whole minute, so that a response of thousands of rows needs a few of these tuples instead of
    formatting each time.
    """
    name = date.fromordinal(_EPOCH_DAY + day).isoformat()
    tail = "00Z" if zulu else "00.000000+00:00"
    return tuple(f"{name}T{minute // 60:02}:{minute % 60:02}:{tail}" for minute in range(DAY // MINUTE))


def label_text(label: int, label_format: LabelFormat) -> str:
    """The text of a ``label``, a whole minute in microseconds."""
    if label_format == "milliseconds":
        return str(label // 1000)
    return minute_texts(label // DAY, label_format == "z")[label % DAY // MINUTE]


def in_words(duration: int) -> str:
    """A duration in microseconds, in the largest unit that divides it: ``7 days``."""
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        if duration % size == 0:
            return f"{duration // size} {unit}{'' if duration == size else 's'}"
    return f"{duration} microseconds"

"""Instants as whole microseconds since 1970 in UTC, and the ISO 8601 text for them; pure.

The suite has its own, so that a fault in the library's cannot hide one of a server.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from allium_market_data.model.intervals import HOUR, MINUTE, SECOND

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The extended format of a date and a time to the second, with an offset. ISO 8601 writes T and Z in capitals.
_TS: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
)


@lru_cache(maxsize=65_536)
def parse(text: str) -> int:
    """The instant that the ``ts`` of a row names, in microseconds.

    Raises `ValueError`, with a message for people, for anything but a date and time of ISO 8601 with an offset, and for
    an instant between two microseconds.
    """
    match = _TS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 date and time with an offset")
    fraction = (match["fraction"] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        raise ValueError(f"{text!r} is finer than a microsecond")
    try:
        whole = datetime.fromisoformat(f"{match['day']}T{match['time']}+00:00")
    except ValueError as error:
        raise ValueError(f"{text!r} is no date and time: {error}") from None
    return (whole - EPOCH) // timedelta(microseconds=1) + int(fraction[:6]) - _offset(match["zone"])


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"there is no offset {zone!r}")
    return (hours * HOUR + minutes * MINUTE) * (-1 if zone[0] == "-" else 1)


def text(instant: int, style: str = "Z") -> str:
    """``instant`` as ISO 8601 in one of the styles ``Z``, ``Z.000000``, ``naive``, or an offset such as ``+05:30``."""
    when = EPOCH + timedelta(microseconds=instant)
    if style in {"Z", "Z.000000", "naive"}:
        fraction = "microseconds" if style == "Z.000000" or instant % SECOND else "seconds"
        return when.replace(tzinfo=None).isoformat(timespec=fraction) + ("" if style == "naive" else "Z")
    ahead = timedelta(microseconds=_offset(style))
    return when.astimezone(timezone(ahead)).isoformat()


STYLES: Final = ("Z", "Z.000000", "naive", "+00:00", "+05:30", "-08:00")
"""Ways to write one and the same instant."""

"""Instants as whole microseconds since 1970 in UTC, and their ISO 8601 text.

The suite parses timestamps itself, so that a bug in the library cannot hide one in a server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

from allium_market_data.model.intervals import HOUR, MINUTE, SECOND

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The extended format of ISO 8601: date, time to the second, offset. T and Z are capitals there.
_TS: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
)


@lru_cache(maxsize=65_536)
def parse(text: str) -> int:
    """The instant of a ``ts``, in microseconds.

    Raises `ValueError` unless the text is an ISO 8601 date and time with an offset, in whole microseconds.
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
        raise ValueError(f"{text!r} is not a valid date and time: {error}") from None
    return (whole - EPOCH) // timedelta(microseconds=1) + int(fraction[:6]) - _offset(match["zone"])


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"{zone!r} is not a valid offset")
    return (hours * HOUR + minutes * MINUTE) * (-1 if zone[0] == "-" else 1)


def parse_milliseconds(number: int) -> int:
    """The instant of milliseconds since 1970, in microseconds. Raises `ValueError` for anything but a whole number."""
    if type(number) is not int:
        raise ValueError(f"{number!r} is not a whole number of milliseconds")
    return number * 1000


PARSERS: Final[dict[str, Callable[[Any], int]]] = {"iso-8601": parse, "epoch-milliseconds": parse_milliseconds}
"""How a timestamp is read, by its format in the contract."""


def text(instant: int, style: str = "Z") -> str:
    """``instant`` in ISO 8601: in one of `STYLES`, or with another offset."""
    when = EPOCH + timedelta(microseconds=instant)
    if style[0] in "+-":
        return when.astimezone(timezone(timedelta(microseconds=_offset(style)))).isoformat()
    naive, _, fraction = style.partition(".")
    precision = "microseconds" if fraction or instant % SECOND else "seconds"
    return when.replace(tzinfo=None).isoformat(timespec=precision) + ("" if naive == "naive" else "Z")


STYLES: Final = ("Z", "Z.000000", "naive", "naive.000000", "+00:00", "+05:30", "-08:00")
"""Ways to write the same instant."""

"""Durations in whole microseconds: in prose, in ISO 8601, and as the names of intervals."""

from __future__ import annotations

import re
from typing import Final

from ..errors import SpecError

MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY}
_NUMBERS: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "seven": 7}
_IN_WORDS: Final = re.compile(rf"\b(\d+|{'|'.join(_NUMBERS)})[\s*_]+({'|'.join(_UNITS)})s?\b", re.IGNORECASE)
_RATES: Final = {"hourly": HOUR, "per hour": HOUR, "daily": DAY, "per day": DAY, "weekly": 7 * DAY}
_ISO: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_INTERVAL: Final = re.compile(r"([1-9]\d{0,3})([mhd])")


def durations(text: str) -> set[int]:
    """The durations that a text names: "7 days", "an hour", "hourly", "per hour"."""
    named = {int(_NUMBERS.get(n.lower(), n)) * _UNITS[unit.lower()] for n, unit in _IN_WORDS.findall(text)}
    return named | {width for word, width in _RATES.items() if re.search(rf"\b{word}\b", text, re.IGNORECASE)}


def iso_duration(text: str) -> int:
    """An ISO 8601 duration of days, hours and minutes, such as ``P7D``. Raises `SpecError` for anything else."""
    match = _ISO.fullmatch(str(text))
    width = sum(int(n or 0) * unit for n, unit in zip(match.groups(), (DAY, HOUR, MINUTE), strict=True)) if match else 0
    if not width:
        raise SpecError(
            "spec/overlay.yaml", f"{text!r} is not an ISO 8601 duration of days, hours and minutes, such as P7D"
        )
    return width


def iso_text(width: int) -> str:
    """A duration of whole minutes in ISO 8601."""
    days, rest = divmod(width, DAY)
    hours, minutes = rest // HOUR, rest % HOUR // MINUTE
    time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")


def interval_width(name: str) -> int:
    """The width of an interval such as ``15m``; 0 if it is not written so."""
    match = _INTERVAL.fullmatch(name)
    return int(match[1]) * {"m": MINUTE, "h": HOUR, "d": DAY}[match[2]] if match else 0

"""Instants: what a caller may write for one, and how it stands in a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from .errors import UsageError

Instant: TypeAlias = datetime | str
"""A datetime (naive means UTC, as the specification says) or ISO 8601 text."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_FINER = re.compile(r"[.,]\d{6}0*[1-9]")
_SHAPE = re.compile(r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}(?:-?\d)?)(?:[Tt ][\d:.,]+(?:[Zz]|[+-][\d:]+)?)?", re.ASCII)
"""A date, then perhaps a time, then perhaps an offset. ``fromisoformat`` takes any character before the time, so that in
2026-05-01+02:00 it takes the offset for the time; and it loses a fraction of an offset, which ISO 8601 does not have."""


def instant(value: Instant, name: str) -> datetime:
    """The instant as an aware UTC datetime; ``name`` is the argument that an error speaks of.

    Raises ``UsageError`` for what is no instant, or is finer than a microsecond.
    """
    if isinstance(value, str):
        moment = _read(value, name)
    elif isinstance(value, datetime):
        moment = _plain(value, name)
    else:
        raise UsageError(f"{name} must be a datetime or ISO 8601 text, not {type(value).__name__}: {value!r:.80}")
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return EPOCH + (moment - EPOCH)
    except OverflowError:
        raise UsageError(f"{name} is outside the years 1 to 9999 in UTC: {value!r:.80}") from None


def _plain(value: datetime, name: str) -> datetime:
    """A plain datetime of any kind of one. A pandas Timestamp is one that knows more, and NaT is one that is none."""
    if value != value:  # noqa: PLR0124 - nothing else tells NaT without pandas
        raise UsageError(f"{name} is no time: {value!r:.80}")
    if getattr(value, "nanosecond", 0):
        raise UsageError(f"{name} is finer than a microsecond: {value!r:.80}")
    return datetime.combine(
        date(value.year, value.month, value.day),
        time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold),
    )


def _read(text: str, name: str) -> datetime:
    try:
        if not _SHAPE.fullmatch(text.strip()):
            raise ValueError
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{name} is no ISO 8601 time: {text!r:.80} (write it like 2026-05-01T00:00:00Z; without an offset it is UTC)"
        ) from None
    if _FINER.search(text):
        raise UsageError(f"{name} is finer than a microsecond: {text!r:.80}")
    return moment


def now() -> datetime:
    """This machine's clock, UTC."""
    return datetime.now(UTC)


def sent_at(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was made, by its ``Date`` and ``Age`` headers, UTC; None where they do not tell."""
    age = headers.get("age", "").strip()
    aged = timedelta(seconds=int(age[:9]) if age.isascii() and age.isdigit() else 0)
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC) + aged
    except (ValueError, TypeError, OverflowError):  # what it raises differs between versions of Python
        return None


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(count: int) -> datetime:
    """The aware UTC datetime of so many microseconds since 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=count)


def text(moment: datetime) -> str:
    """An aware UTC datetime as a request carries it: ISO 8601 with ``Z``."""
    return moment.replace(tzinfo=None).isoformat() + "Z"

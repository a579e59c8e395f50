"""Instants: datetimes, whole microseconds and ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """The current time of this machine, in UTC."""
    return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(count: int) -> datetime:
    """The aware UTC datetime ``count`` microseconds after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=count)


def to_iso(moment: datetime) -> str:
    """An aware UTC datetime as it is sent in requests: ISO 8601 with ``Z``."""
    return moment.replace(tzinfo=None).isoformat() + "Z"

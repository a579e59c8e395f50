"""Instants: datetimes, whole microseconds and ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """This machine's clock, UTC."""
    return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(count: int) -> datetime:
    """The aware UTC datetime of so many microseconds since 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=count)


def to_iso(moment: datetime) -> str:
    """An aware UTC datetime as a request carries it: ISO 8601 with ``Z``."""
    return moment.replace(tzinfo=None).isoformat() + "Z"

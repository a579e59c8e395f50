"""Instants in the headers of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def sent_at(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was made, by its ``Date`` and ``Age`` headers, UTC; None where they do not tell."""
    age = headers.get("age", "").strip()
    aged = timedelta(seconds=int(age[:9]) if age.isascii() and age.isdigit() else 0)
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC) + aged
    except (ValueError, TypeError, OverflowError):  # what it raises differs between versions of Python
        return None

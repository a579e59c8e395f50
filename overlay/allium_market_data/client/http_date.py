"""Dates in the headers of a response."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def parse_http_date(text: str) -> datetime | None:
    """An HTTP date as an aware UTC datetime; None if it cannot be parsed."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):  # which one is raised depends on the version of Python
        return None


def sent_at(headers: Mapping[str, str]) -> datetime | None:
    """When the origin server made a response, by its ``Date`` and ``Age`` headers, UTC; None without a readable date."""
    age = headers.get("age", "").strip()
    seconds = int(age[:9]) if age.isascii() and age.isdigit() else 0
    date = parse_http_date(headers.get("date", ""))
    try:
        return None if date is None else date + timedelta(seconds=seconds)
    except OverflowError:
        return None

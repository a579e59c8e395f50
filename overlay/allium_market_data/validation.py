"""What a caller may pass: markets and instants."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import TypeAlias

from .errors import UsageError
from .model.times import EPOCH

Instant: TypeAlias = datetime | str
"""A datetime (naive means UTC, as the specification says) or ISO 8601 text."""

_FINER = re.compile(r"[.,]\d{6}0*[1-9]")
_SHAPE = re.compile(r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}(?:-?\d)?)(?:[Tt ][\d:.,]+(?:[Zz]|[+-][\d:]+)?)?", re.ASCII)
"""A date, then perhaps a time, then perhaps an offset. ``fromisoformat`` takes any character before the time, so that in
2026-05-01+02:00 it takes the offset for the time; and it loses a fraction of an offset, which ISO 8601 does not have."""


def check_market(market_id: object) -> str:
    """A market id that can stand in a path. Which markets there are, only the server knows.

    Raises ``UsageError`` for what is none.
    """
    if not isinstance(market_id, str):
        raise UsageError(
            f"a market must be text like hl:perp:BTC-USDC, not {type(market_id).__name__}: {market_id!r:.80}"
        )
    if not market_id or not market_id.isprintable() or any(map(str.isspace, market_id)) or market_id in (".", ".."):
        raise UsageError(f"{market_id!r:.80} is no market: write it like hl:perp:BTC-USDC")
    return market_id


def to_instant(value: Instant, name: str) -> datetime:
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

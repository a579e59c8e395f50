"""Checks of what a caller passes: markets, instants and choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias, TypeVar

from .errors import UsageError
from .model.times import EPOCH

T = TypeVar("T")

Instant: TypeAlias = datetime | str
"""A datetime (a naive one is UTC, as the specification says) or ISO 8601 text."""

_SUBMICROSECOND = re.compile(r"[.,]\d{6}0*[1-9]")
_ISO_8601 = re.compile(r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}(?:-?\d)?)(?:[Tt ][\d:.,]+(?:[Zz]|[+-][\d:]+)?)?", re.ASCII)
"""A date, optionally a time, optionally an offset. ``fromisoformat`` accepts any character before the time, so it parses the
offset in 2026-05-01+02:00 as a time. It also ignores the fraction of an offset, which ISO 8601 does not have."""


def check_market(market_id: object) -> str:
    """A market id that can be a segment of a path. Only the server knows which markets exist.

    Raises ``UsageError`` for anything else.
    """
    if not isinstance(market_id, str):
        raise UsageError(
            f"a market must be text like hl:perp:BTC-USDC, not {type(market_id).__name__}: {market_id!r:.80}"
        )
    if not market_id or not market_id.isprintable() or any(map(str.isspace, market_id)) or market_id in (".", ".."):
        raise UsageError(f"invalid market {market_id!r:.80}: write it like hl:perp:BTC-USDC")
    return market_id


def check_choice(name: str, value: Any, choices: Sequence[T]) -> T:
    """The value of the argument ``name``. Raises ``UsageError`` unless it is one of ``choices``."""
    if value not in choices:
        raise UsageError(f"unknown {name} {value!r:.80}: use one of {', '.join(map(str, choices))}")
    return choices[choices.index(value)]


def to_instant(value: Instant, name: str) -> datetime:
    """The instant as an aware UTC datetime; ``name`` is the argument that an error message names.

    Raises ``UsageError`` for anything else, and for an instant with nanoseconds.
    """
    if isinstance(value, str):
        moment = _parse(value, name)
    elif isinstance(value, datetime):
        moment = _to_plain(value, name)
    else:
        raise UsageError(f"{name} must be a datetime or ISO 8601 text, not {type(value).__name__}: {value!r:.80}")
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return EPOCH + (moment - EPOCH)
    except OverflowError:
        raise UsageError(f"{name} is outside the years 1 to 9999 in UTC: {value!r:.80}") from None


def _to_plain(value: datetime, name: str) -> datetime:
    """A plain datetime from any subclass. A pandas Timestamp may have nanoseconds, and NaT is a datetime without a time."""
    if value != value:  # noqa: PLR0124 - the only way to recognise NaT without pandas
        raise UsageError(f"{name} is not a time: {value!r:.80}")
    if getattr(value, "nanosecond", 0):
        raise UsageError(f"{name} is finer than a microsecond: {value!r:.80}")
    return datetime.combine(
        date(value.year, value.month, value.day),
        time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold),
    )


def _parse(text: str, name: str) -> datetime:
    try:
        if not _ISO_8601.fullmatch(text.strip()):
            raise ValueError
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{name} is not an ISO 8601 time: {text!r:.80} (write it like 2026-05-01T00:00:00Z; the default offset is UTC)"
        ) from None
    if _SUBMICROSECOND.search(text):
        raise UsageError(f"{name} is finer than a microsecond: {text!r:.80}")
    return moment

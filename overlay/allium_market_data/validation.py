"""Checks of what a caller passes: markets, instants and choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeAlias, TypeVar

from .errors import UsageError
from .model.times import EPOCH
from .model.times import now as current_time

T = TypeVar("T")


class NumpyInstant(Protocol):
    """A ``numpy.datetime64``. numpy itself is never imported."""

    @property
    def dtype(self) -> Any:
        """``datetime64`` and a unit."""

    def item(self) -> Any:
        """The value as a datetime or a date, an integer where Python has neither, or None for NaT."""


Instant: TypeAlias = date | str | NumpyInstant
"""A point in time: a datetime (a naive one is UTC, as the specification says), a date (its midnight in UTC), ISO 8601 text,
``"now"``, a time before now like ``"-7d"`` (s, m, h, d or w for seconds to weeks), or a ``numpy.datetime64``."""

_BEFORE_NOW = re.compile(r"-(\d{1,9})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

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


def to_span(start: Instant, end: Instant | None) -> tuple[datetime, datetime]:
    """Start and end of a span as aware UTC datetimes. An ``end`` of None means now; "now" is the same instant in both.

    Raises ``UsageError`` as ``to_instant`` does. Which of the two is earlier is not checked.
    """
    now = current_time()
    return to_instant(start, "start", now), now if end is None else to_instant(end, "end", now)


def to_instant(value: Instant, name: str, now: datetime | None = None) -> datetime:
    """The instant as an aware UTC datetime; ``name`` is the argument that an error message names.

    ``now`` is what a relative time refers to, by default the clock of this machine. Raises ``UsageError`` for anything that
    is not an ``Instant``, and for an instant finer than a microsecond.
    """
    try:
        moment = _to_datetime(value, name, now)
        if moment.utcoffset() is None:
            moment = moment.replace(tzinfo=UTC)
        return EPOCH + (moment - EPOCH)
    except OverflowError:
        raise _outside_calendar(value, name) from None


def _outside_calendar(value: object, name: str) -> UsageError:
    return UsageError(f"{name} is outside the years 1 to 9999 in UTC: {value!r:.80}")


def _to_datetime(value: Any, name: str, now: datetime | None) -> datetime:
    if isinstance(value, str):
        return _parse_relative(value.strip(), now) or _parse(value, name)
    if isinstance(value, datetime):
        return _to_plain(value, name)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if type(value).__module__ == "numpy" and type(value).__name__ == "datetime64":
        return _from_numpy(value, name)
    raise UsageError(f"{name} must be a datetime, a date or ISO 8601 text, not {type(value).__name__}: {value!r:.80}")


def _parse_relative(text: str, now: datetime | None) -> datetime | None:
    """The instant of "now", or of a time before it; None for other text."""
    match = _BEFORE_NOW.fullmatch(text)
    if text != "now" and match is None:
        return None
    before = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    return (now or current_time()) - before


def _from_numpy(value: Any, name: str) -> datetime:
    """A ``numpy.datetime64``, whose unit may be finer than a microsecond and whose value may be NaT."""
    plain = value.item()
    if isinstance(plain, int) and str(value.dtype)[-3:-1] in ("ns", "ps", "fs", "as"):
        rounded = value.astype("datetime64[us]")
        if rounded != value:
            raise UsageError(f"{name} is finer than a microsecond: {value!r:.80}")
        plain = rounded.item()
    if plain is None:
        raise UsageError(f"{name} is not a time: {value!r:.80}")
    if isinstance(plain, int):
        raise _outside_calendar(value, name)
    return plain if isinstance(plain, datetime) else datetime.combine(plain, time(), UTC)


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
            f"{name} is not an ISO 8601 time: {text!r:.80} (write it like 2026-05-01T00:00:00Z, now or -7d; the default is UTC)"
        ) from None
    if _SUBMICROSECOND.search(text):
        raise UsageError(f"{name} is finer than a microsecond: {text!r:.80}")
    return moment

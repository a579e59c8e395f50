"""Requests that a server must reject."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from allium_market_data.model.intervals import DAY, SECOND, Interval, floor
from allium_market_data_wire.contract import Operation

from . import times
from .operation import intervals
from .reference_week import ReferenceWeek
from .request import Request, Window

UNKNOWN_MARKETS: Final = ("hl:perp:NOSUCHCOIN-USDC", "nosuchvenue:perp:BTC-USDC")
INVALID_TIMES: Final = ("a word", "month 13", "hour 25", "30 February")
"""Names of `invalid_time`."""


def invalid_intervals(operation: Operation) -> list[str]:
    """Texts that look like intervals and are none: common ones first, which an earlier contract may have had."""
    return [text for text in ("4h", "30m", "2m", "1H", "60") if text not in operation.intervals][:3]


def invalid_limits(operation: Operation) -> list[str]:
    """Texts that are no limit, or out of range."""
    return [str(operation.limit_minimum - 1), "-1", str(operation.limit_maximum + 1), "abc", "1.5"]


def invalid_time(name: str, role: str, week: ReferenceWeek) -> Request:
    """A request with an invalid start or end. A server that rolls it over finds a valid window."""
    window = week.half_day
    midnight = floor(window.start, DAY)
    if name == "hour 25":
        text = f"{times.text(midnight - DAY if role == 'start' else midnight)[:10]}T25:00:00Z"
    elif name == "30 February":
        year = _year_of_last_february(week.end)
        march = times.parse(f"{year}-03-01T00:00:00Z")
        window = Window(window.interval, march - DAY // 2, march + DAY + DAY // 2)
        text = f"{year}-02-30T00:00:00Z"
    else:
        text = {"a word": "yesterday", "month 13": "2026-13-01T00:00:00Z"}[name]
    return window.request().with_parameters(**{role: text})


def _year_of_last_february(before: int) -> int:
    when = datetime.fromtimestamp(before // SECOND, UTC)
    return when.year if when.month > 3 else when.year - 1


def too_long(week: ReferenceWeek, interval: Interval, over: int = SECOND) -> Request:
    """A window longer than the cap, by ``over``."""
    return Window(interval, week.start, week.start + week.operation.window_cap + over).request()


def reversed_window(week: ReferenceWeek, by: int) -> Request:
    """A window whose end is before its start, by ``by``."""
    window = week.half_day
    return window.request().with_parameters(start=times.text(week.start + by), end=times.text(week.start))


def one_of_each(week: ReferenceWeek, non_perp_market: str | None) -> dict[str, Request]:
    """One invalid request of each kind; the names are those of the profile's section ``statuses``."""
    operation, valid = week.operation, week.half_day.request()
    requests = {
        "no-key": replace(valid, key=None),
        "wrong-key": replace(valid, key="unrelated"),
        "unknown-market": replace(valid, market=UNKNOWN_MARKETS[0]),
        "unknown-interval": valid.with_parameters(interval=invalid_intervals(operation)[0]),
        "no-time": invalid_time(INVALID_TIMES[0], "start", week),
        "no-number": valid.with_parameters(limit="abc"),
        "limit-too-high": valid.with_parameters(limit=operation.limit_maximum + 1),
        "limit-too-low": valid.with_parameters(limit=operation.limit_minimum - 1),
        "missing-parameter": valid.with_parameters(end=None),
        "backwards": reversed_window(week, DAY),
        "too-long": too_long(week, intervals(operation)[len(operation.intervals) // 2]),
    }
    if operation.interval_parameter is None:
        del requests["unknown-interval"]
    if non_perp_market is not None:
        requests["not-a-perpetual"] = replace(valid, market=non_perp_market)
    return requests

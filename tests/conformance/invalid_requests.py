"""Requests that a server must reject."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import DAY, HOUR, SECOND, Interval

from . import times
from .request import Request, Window

SEVEN_DAYS: Final = 7 * DAY
UNKNOWN_MARKETS: Final = ("hl:perp:NOSUCHCOIN-USDC", "nosuchvenue:perp:BTC-USDC")
INVALID_INTERVALS: Final = ("2m", "1H", "60", "1w")
INVALID_TIMES: Final = ("yesterday", "2026-13-01T00:00:00Z", "2026-05-01T25:00:00Z")
INVALID_LIMITS: Final = ("0", "-1", "5001", "abc", "1.5")


def half_day(week: int) -> Window:
    """Twelve hours in the week that starts at ``week``. Reading a UTC offset wrongly moves it onto other rows."""
    return Window("5m", week + DAY, week + DAY + 12 * HOUR)


def valid_request(week: int) -> Request:
    """A valid request, which the others here change in one place."""
    return half_day(week).request()


def too_long(week: int, interval: Interval, over: int = SECOND) -> Request:
    """A window longer than seven days, by ``over``."""
    return Window(interval, week, week + SEVEN_DAYS + over).request()


def reversed_window(week: int, by: int) -> Request:
    """A window whose end is before its start, by ``by``."""
    return valid_request(week).with_parameters(start_timestamp=times.text(week + by), end_timestamp=times.text(week))


def one_of_each(week: int, non_perp_market: str | None) -> dict[str, Request]:
    """One invalid request of each kind; the names are those of the profile's section ``statuses``."""
    valid = valid_request(week)
    requests = {
        "no-key": replace(valid, key=None),
        "wrong-key": replace(valid, key="unrelated"),
        "unknown-market": replace(valid, market=UNKNOWN_MARKETS[0]),
        "unknown-interval": valid.with_parameters(interval=INVALID_INTERVALS[0]),
        "no-time": valid.with_parameters(start_timestamp=INVALID_TIMES[0]),
        "no-number": valid.with_parameters(limit="abc"),
        "limit-too-high": valid.with_parameters(limit=5001),
        "limit-too-low": valid.with_parameters(limit=0),
        "missing-parameter": valid.with_parameters(end_timestamp=None),
        "backwards": reversed_window(week, DAY),
        "too-long": too_long(week, "1h"),
    }
    if non_perp_market is not None:
        requests["not-a-perpetual"] = replace(valid, market=non_perp_market)
    return requests

"""Questions that have to be refused, by name; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from allium_market_data.model.intervals import DAY, HOUR, SECOND, Interval

from . import times
from .ask import Question, Window

SEVEN_DAYS: Final = 7 * DAY
NO_SUCH_MARKETS: Final = ("hl:perp:NOSUCHCOIN-USDC", "nosuchvenue:perp:BTC-USDC")
NO_INTERVALS: Final = ("2m", "1H", "60", "1w")
NO_TIMES: Final = ("yesterday", "2026-13-01T00:00:00Z", "2026-05-01T25:00:00Z")
NO_LIMITS: Final = ("0", "-1", "5001", "abc", "1.5")


def half_day(week: int) -> Window:
    """A window in the week that starts there, which no misread offset leaves as it is."""
    return Window("5m", week + DAY, week + DAY + 12 * HOUR)


def sound(week: int) -> Question:
    """A sound question, to be spoiled."""
    return half_day(week).question()


def too_long(week: int, interval: Interval, over: int = SECOND) -> Question:
    """A window of more than seven days."""
    return Window(interval, week, week + SEVEN_DAYS + over).question()


def backwards(week: int, by: int) -> Question:
    """A window that ends before it begins."""
    return sound(week).but(start_timestamp=times.text(week + by), end_timestamp=times.text(week))


def named(week: int, non_perp_market: str | None) -> dict[str, Question]:
    """One of each kind, for the profile."""
    kinds = {
        "no-key": replace(sound(week), key=None),
        "wrong-key": replace(sound(week), key="unrelated"),
        "unknown-market": replace(sound(week), market=NO_SUCH_MARKETS[0]),
        "unknown-interval": sound(week).but(interval=NO_INTERVALS[0]),
        "no-time": sound(week).but(start_timestamp=NO_TIMES[0]),
        "no-number": sound(week).but(limit="abc"),
        "limit-too-high": sound(week).but(limit=5001),
        "limit-too-low": sound(week).but(limit=0),
        "missing-parameter": sound(week).but(end_timestamp=None),
        "backwards": backwards(week, DAY),
        "too-long": too_long(week, "1h"),
    }
    if non_perp_market is not None:
        kinds["not-a-perpetual"] = replace(sound(week), market=non_perp_market)
    return kinds

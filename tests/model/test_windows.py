"""Plans of a few spans, and the spans that cannot be planned."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allium_market_data.client.decode import Page
from allium_market_data.client.fetch import FetchLoop
from allium_market_data.client.plan import plan
from allium_market_data.errors import UsageError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.windows import Plan, Window

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def plan_of(interval: Any, start: datetime, end: datetime, **options: Any) -> Plan:
    return plan(OPEN_INTEREST, interval, start, end, **options)


def test_one_bucket_is_one_window_that_begins_a_bucket_early() -> None:
    assert list(plan_of("1h", MAY, MAY + HOUR)) == [Window(MAY - HOUR, MAY, MAY + HOUR)]


def test_an_unaligned_span_owns_only_the_labels_within_it() -> None:
    (window,) = plan_of("1h", MAY + SECOND, MAY + 3 * HOUR + SECOND)
    assert (window.start, window.first, window.end) == (MAY, MAY + HOUR, MAY + 4 * HOUR)


def test_a_span_without_a_boundary_needs_no_request() -> None:
    async def fail(window: Window) -> Page:
        raise AssertionError("no request may be sent")

    async def pages() -> list[Any]:
        return [page async for page in FetchLoop(empty, fail, 3).pages()]

    empty = plan_of("1h", MAY + SECOND, MAY + HOUR)
    assert (len(empty), list(empty), empty.buckets, bool(empty)) == (0, [], 0, False)
    assert asyncio.run(pages()) == []


def test_a_week_of_minutes_takes_three_requests_because_of_the_limit() -> None:
    windows = plan_of("1m", MAY, MAY + timedelta(days=7))
    assert len(windows) == 3
    assert max(window.end - window.start for window in windows) < timedelta(minutes=5_000)


def test_windows_overlap_unless_overlap_is_zero() -> None:
    _, second = plan_of("1m", MAY, MAY + timedelta(days=6))
    assert second.first - second.start > timedelta(hours=2)
    first, second = plan_of("1m", MAY, MAY + timedelta(days=6), overlap=0)
    assert second.first - second.start == timedelta(minutes=1)
    assert first.end == second.first


def test_a_plan_over_eight_thousand_years_is_computed_lazily() -> None:
    long = plan_of("1m", datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    assert 4_207_000_000 < long.buckets < 4_208_000_000
    assert len(long) == 1 + -(-(long.buckets - 4997) // 4873)
    assert long[-1].end == datetime(9000, 1, 1, tzinfo=UTC)
    assert long[len(long) // 2].first == long[len(long) // 2 - 1].end


def test_an_index_out_of_range_is_an_index_error() -> None:
    windows = plan_of("1h", MAY, MAY + timedelta(days=30))
    for index in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError):
            windows[index]


@pytest.mark.parametrize("interval", ["2h", "1H", "", None, 60, "1m "])
def test_an_unknown_interval_is_refused(interval: Any) -> None:
    with pytest.raises(UsageError, match=r"unknown interval .*: use one of 1m, 5m, 15m, 1h, 4h, 1d"):
        plan_of(interval, MAY, MAY + HOUR)


@pytest.mark.parametrize("end", [MAY, MAY - HOUR])
def test_a_start_that_is_not_before_the_end_is_refused(end: datetime) -> None:
    with pytest.raises(UsageError, match="start must be before end: 2026-05-01T00:00:00Z is not before"):
        plan_of("1h", MAY, end)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC)),
        (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
    ],
)
def test_a_span_at_the_end_of_the_calendar_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(UsageError, match="the end of the calendar"):
        plan_of("1d", start, end)


def test_the_rest_of_the_calendar_can_be_planned() -> None:
    assert plan_of("1d", datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))[-1].end.year == 9999


def test_the_text_of_a_window_is_the_requested_span() -> None:
    assert str(Window(MAY, MAY + HOUR, MAY + 2 * HOUR)) == "2026-05-01T00:00:00Z to 2026-05-01T02:00:00Z"

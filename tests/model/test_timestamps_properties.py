"""Timestamps kept as runs behave like the list of their datetimes."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import HOUR, INTERVALS, MINUTE, WIDTHS, Interval
from allium_market_data.model.times import from_micros, micros
from allium_market_data.model.timestamps import Timestamps, contiguous_runs, count_before, format_run

intervals = st.sampled_from(INTERVALS)


@st.composite
def boundaries(draw: st.DrawFn) -> tuple[Interval, list[datetime]]:
    """Ascending boundaries of an interval: runs of consecutive ones with gaps between, around the epoch too."""
    interval = draw(intervals)
    runs = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), max_size=8))
    index, stamps = draw(st.integers(-20, 20_000_000_000 // (WIDTHS[interval] // 1_000_000))), list[datetime]()
    for gap, count in runs:
        stamps += [from_micros((index + step) * WIDTHS[interval]) for step in range(count)]
        index += count + gap
    return interval, stamps


@given(boundaries())
def test_they_read_like_a_list(case: tuple[Interval, list[datetime]]) -> None:
    interval, stamps = case
    timestamps = Timestamps.of(stamps, WIDTHS[interval])
    assert list(timestamps) == stamps
    assert [timestamps[row] for row in range(-len(stamps), len(stamps))] == stamps * 2
    assert timestamps == stamps
    assert timestamps != [*stamps, datetime(2030, 1, 1, tzinfo=UTC)]
    assert len(timestamps) == len(stamps)
    assert timestamps.is_ascending
    runs = list(timestamps.contiguous_runs())
    assert runs == list(contiguous_runs(stamps, interval)) == list(contiguous_runs(timestamps, interval))


@given(boundaries(), st.integers(-60, 60), st.integers(-60, 60), st.sampled_from([None, 1, 2, -1]))
def test_slices_are_those_of_the_list(
    case: tuple[Interval, list[datetime]], first: int, stop: int, step: int | None
) -> None:
    interval, stamps = case
    timestamps = Timestamps.of(stamps, WIDTHS[interval])
    assert list(timestamps[first:stop:step]) == stamps[first:stop:step]
    assert timestamps[first:stop] == Timestamps.of(stamps[first:stop], WIDTHS[interval])


@given(boundaries(), st.integers(0, 60), st.sampled_from([-1, 0, 1]))
def test_count_before_is_a_bisection(case: tuple[Interval, list[datetime]], row: int, offset: int) -> None:
    interval, stamps = case
    moment = (stamps[row % len(stamps)] if stamps else datetime(2026, 5, 1, tzinfo=UTC)) + timedelta(seconds=offset)
    expected = bisect_left(stamps, moment)
    assert count_before(Timestamps.of(stamps, WIDTHS[interval]), moment) == count_before(stamps, moment) == expected


@given(boundaries(), st.lists(st.integers(0, 60), max_size=4))
def test_parts_joined_are_the_whole(case: tuple[Interval, list[datetime]], cuts: list[int]) -> None:
    interval, stamps = case
    width = WIDTHS[interval]
    edges = [0, *sorted(cut % (len(stamps) + 1) for cut in cuts), len(stamps)]
    parts = [Timestamps.of(stamps[a:b], width) for a, b in pairwise(edges)]
    assert Timestamps.joined(parts, width) == Timestamps.of(stamps, width)


@given(intervals, st.integers(-5_000, 30_000_000), st.integers(1, 400), st.sampled_from([":00+00:00", ":00.000Z", "Z"]))
def test_a_formatted_run_is_the_text_of_each_timestamp(
    interval: Interval, minute: int, count: int, suffix: str
) -> None:
    width = WIDTHS[interval]
    start = minute * MINUTE - minute * MINUTE % width
    stamps = [from_micros(start + step * width) for step in range(count)]
    assert format_run(start, count, width, suffix) == ",".join(f"{stamp:%Y-%m-%dT%H:%M}{suffix}" for stamp in stamps)


def test_runs_that_touch_or_descend_are_not_ascending() -> None:
    assert not Timestamps(HOUR, [0, HOUR], [2, 3]).is_ascending
    assert not Timestamps(HOUR, [5 * HOUR, 0], [1, 2]).is_ascending
    assert Timestamps(HOUR, [0, 3 * HOUR], [2, 3]).is_ascending


def test_an_index_out_of_range_is_an_index_error() -> None:
    stamps = [datetime(2026, 5, 1, hour, tzinfo=UTC) for hour in (0, 1, 4)]
    timestamps = Timestamps.of(stamps, HOUR)
    for row in (3, -4):
        with pytest.raises(IndexError):
            timestamps[row]
    assert timestamps.instant(2) == micros(stamps[2])


@given(st.lists(st.integers(0, 2000), unique=True, max_size=400).map(sorted))
def test_runs_end_where_a_bucket_is_missing(buckets: list[int]) -> None:
    expected: list[list[int]] = []
    for row, bucket in enumerate(buckets):
        if row and bucket == buckets[row - 1] + 1:
            expected[-1][1] = row + 1
        else:
            expected.append([row, row + 1])
    stamps = [from_micros(bucket * MINUTE) for bucket in buckets]
    assert [list(run) for run in contiguous_runs(stamps, "1m")] == expected

"""Labels kept as runs are the datetimes that they stand for, whatever is done to them."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval
from allium_market_data.model.times import from_micros, micros
from allium_market_data.model.timestamps import Timestamps, contiguous_runs, format_run

intervals = st.sampled_from(INTERVALS)


@st.composite
def ascending(draw: st.DrawFn) -> tuple[Interval, list[datetime]]:
    """Boundaries in order: runs of neighbours with gaps between, around the epoch too."""
    interval = draw(intervals)
    pieces = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), max_size=8))
    index, found = draw(st.integers(-20, 20_000_000_000 // (WIDTHS[interval] // 1_000_000))), []
    for gap, count in pieces:
        found += [from_micros((index + step) * WIDTHS[interval]) for step in range(count)]
        index += count + gap
    return interval, found


@given(ascending())
def test_they_read_like_the_list_of_their_datetimes(case: tuple[Interval, list[datetime]]) -> None:
    interval, stamps = case
    labels = Timestamps.of(stamps, WIDTHS[interval])
    assert list(labels) == stamps
    assert [labels[row] for row in range(-len(stamps), len(stamps))] == stamps * 2
    assert labels == stamps
    assert (labels == [*stamps, datetime(2030, 1, 1, tzinfo=UTC)], len(labels)) == (False, len(stamps))
    assert labels.is_ascending
    assert (
        list(labels.contiguous_runs())
        == list(contiguous_runs(stamps, interval))
        == list(contiguous_runs(labels, interval))
    )


@given(ascending(), st.integers(-60, 60), st.integers(-60, 60), st.sampled_from([None, 1, 2, -1]))
def test_a_part_of_them_is_the_part_of_the_list(
    case: tuple[Interval, list[datetime]], first: int, stop: int, step: int | None
) -> None:
    interval, stamps = case
    labels = Timestamps.of(stamps, WIDTHS[interval])
    assert list(labels[first:stop:step]) == stamps[first:stop:step]
    assert labels[first:stop] == Timestamps.of(stamps[first:stop], WIDTHS[interval])
    for stamp in stamps[first:stop]:
        assert bisect_left(labels, stamp) == stamps.index(stamp)


@given(ascending(), st.lists(st.integers(0, 60), max_size=4))
def test_cut_anywhere_and_joined_again_they_are_the_same(
    case: tuple[Interval, list[datetime]], cuts: list[int]
) -> None:
    interval, stamps = case
    width = WIDTHS[interval]
    edges = [0, *sorted(cut % (len(stamps) + 1) for cut in cuts), len(stamps)]
    parts = [Timestamps.of(stamps[a:b], width) for a, b in pairwise(edges)]
    assert Timestamps.joined(parts, width) == Timestamps.of(stamps, width)


@given(intervals, st.integers(-5_000, 30_000_000), st.integers(1, 400), st.sampled_from([":00+00:00", ":00.000Z", "Z"]))
def test_what_they_look_like_is_what_each_is_written_as(interval: Interval, index: int, count: int, tail: str) -> None:
    width = WIDTHS[interval]
    start = index * (24 * 60 * 60 * 1_000_000 // 1440)
    start -= start % width
    stamps = [from_micros(start + step * width) for step in range(count)]
    assert format_run(start, count, width, tail) == ",".join(f"{stamp:%Y-%m-%dT%H:%M}{tail}" for stamp in stamps)


def test_runs_that_do_not_ascend_are_told() -> None:
    hour = 3_600_000_000
    assert not Timestamps(hour, [0, hour], [2, 3]).is_ascending
    assert not Timestamps(hour, [5 * hour, 0], [1, 2]).is_ascending
    assert Timestamps(hour, [0, 3 * hour], [2, 3]).is_ascending


def test_a_row_that_is_not_there_is_told() -> None:
    labels = Timestamps.of(
        [datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in (0, 1, 4)], 3_600_000_000
    )
    for row in (3, -4):
        with pytest.raises(IndexError):
            labels[row]
    assert labels.instant(2) == micros(datetime(2026, 5, 1, 4, tzinfo=UTC))

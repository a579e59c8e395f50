from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import UsageError
from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval
from allium_market_data.model.rows import Columns, OpenInterest
from allium_market_data.model.timestamps import contiguous_runs
from allium_market_data.series.base import Gap
from allium_market_data.series.series import OpenInterestSeries
from support.sample_series import MARKET, START, columns, instant, provenance, series


def missing(one: OpenInterestSeries) -> list[tuple[int, int]]:
    """The gaps as ranges of buckets."""
    width = timedelta(microseconds=WIDTHS[one.interval])
    assert all(gap.buckets == (gap.end - gap.start) // width for gap in one.gaps())
    return [((gap.start - START) // width, (gap.end - START) // width) for gap in one.gaps()]


class TestRows:
    def test_is_a_sequence_of_records(self) -> None:
        one = series(columns([0, 1], ["12483.50", "7"], ["1.10", "0"], provisional=[1]))
        first = OpenInterest(MARKET, START, Decimal("12483.50"), Decimal("1.10"))
        last = OpenInterest(MARKET, instant(1), Decimal(7), Decimal(0), provisional=True)
        assert isinstance(one, Sequence)
        assert len(one) == 2
        assert list(one) == [first, last] == [one[0], one[1]]
        assert (one[-1], one[-2]) == (last, first)
        assert list(reversed(one)) == [last, first]
        assert last in one
        assert one.index(last) == 1

    def test_keeps_the_digits_that_the_server_wrote(self) -> None:
        assert str(series(columns([0], ["12483.50"]))[0].oi_base) == "12483.50"

    @pytest.mark.parametrize("index", [2, -3])
    def test_has_no_row_beyond_its_ends(self, index: int) -> None:
        with pytest.raises(IndexError):
            series([0, 1])[index]

    def test_tells_which_records_are_provisional(self) -> None:
        one = series(columns([0, 1, 2], provisional=[0, 2]))
        assert one.provisional == (one[0], one[2])
        assert series([0, 1]).provisional == ()

    def test_is_true_when_it_has_rows(self) -> None:
        assert series([0])
        assert not series([])


class TestSlices:
    def test_spans_from_its_first_row_to_the_row_behind_it(self) -> None:
        one = series([1, 2, 5, 6], 0, 9)
        part = one[1:3]
        assert list(part) == list(one)[1:3]
        assert (part.start, part.end) == (instant(2), instant(6))
        assert missing(part) == [(3, 5)]

    def test_of_everything_is_the_series_itself(self) -> None:
        one = series([1, 4], 0, 9)
        assert one[:] == one == one[0:2] == one[-9:9:1]
        assert series([], 0, 9)[:] == series([], 0, 9)

    def test_of_the_last_rows_keeps_the_gap_behind_them(self) -> None:
        assert missing(series([0, 1, 2], 0, 5)[-2:]) == [(3, 5)]

    @pytest.mark.parametrize("part", [slice(0, 0), slice(1, 1), slice(2, 1), slice(3, None), slice(9, 9)])
    def test_without_rows_has_no_gaps(self, part: slice) -> None:
        empty = series([1, 2, 5], 0, 9)[part]
        assert (len(empty), empty.gaps()) == (0, [])

    @given(st.sets(st.integers(0, 40)), st.integers(-45, 45))
    def test_two_parts_hold_the_rows_and_gaps_of_the_whole(self, buckets: set[int], cut: int) -> None:
        one = series(sorted(buckets), 0, 45)
        before, after = one[:cut], one[cut:]
        assert [*before, *after] == list(one)
        parts = before.gaps() + after.gaps() if buckets else one.gaps()
        assert parts == one.gaps()

    @pytest.mark.parametrize(("part", "shown"), [(slice(None, None, 2), "[::2]"), (slice(3, None, -1), "[3::-1]")])
    def test_with_a_step_are_refused(self, part: slice, shown: str) -> None:
        with pytest.raises(UsageError) as caught:
            series([0, 1, 2])[part]
        assert f"list(series){shown}" in str(caught.value)


class TestGaps:
    @pytest.mark.parametrize(
        ("buckets", "gaps"),
        [
            ([], [(0, 6)]),
            ([0, 1, 2, 3, 4, 5], []),
            ([2, 3], [(0, 2), (4, 6)]),
            ([0, 2, 4], [(1, 2), (3, 4), (5, 6)]),
            ([5], [(0, 5)]),
        ],
    )
    @pytest.mark.parametrize("interval", INTERVALS)
    def test_are_the_longest_ranges_without_a_row(
        self, buckets: list[int], gaps: list[tuple[int, int]], interval: Interval
    ) -> None:
        assert missing(series(columns(buckets, interval=interval), 0, 6, interval=interval)) == gaps

    @given(st.sets(st.integers(0, 300)), st.integers(1, 300))
    def test_are_what_a_look_at_every_bucket_finds(self, buckets: set[int], end: int) -> None:
        rows = sorted(bucket for bucket in buckets if bucket < end)
        found = [bucket for first, stop in missing(series(rows, 0, end)) for bucket in range(first, stop)]
        assert found == sorted(set(range(end)) - set(rows))

    def test_begin_and_end_on_boundaries_in_a_span_that_does_not(self) -> None:
        one = replace(series([3], 0, 6), start=instant(0) + timedelta(seconds=1), end=instant(5) + timedelta(seconds=1))
        assert missing(one) == [(1, 3), (4, 6)]

    def test_do_not_hold_buckets_that_had_not_begun(self) -> None:
        assert missing(series([0, 1], 0, 60, finished=instant(1) + timedelta(seconds=59))) == []
        assert missing(series([0, 1], 0, 60, finished=instant(3))) == [(2, 3)]
        assert missing(series([0, 1], 0, 60, finished=instant(3) + timedelta(seconds=1))) == [(2, 4)]

    def test_a_span_in_the_future_has_none(self) -> None:
        assert series([], 0, 60, finished=instant(-60)).gaps() == []

    def test_a_row_after_the_fetch_finished_is_no_gap(self) -> None:
        """The clock of the server may run ahead, or ``ts`` may name the end of the bucket."""
        assert missing(series([0, 1, 2], 0, 60, finished=instant(1))) == []

    def test_are_frozen(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Gap(START, START, 0).buckets = 1  # type: ignore[misc]


@given(st.lists(st.integers(0, 2000), unique=True, max_size=400).map(sorted))
def test_runs_are_all_rows_cut_where_a_bucket_is_missing(buckets: list[int]) -> None:
    expected: list[list[int]] = []
    for row, bucket in enumerate(buckets):
        if row and bucket == buckets[row - 1] + 1:
            expected[-1][1] = row + 1
        else:
            expected.append([row, row + 1])
    assert [list(run) for run in contiguous_runs(columns(buckets).ts, "1m")] == expected


class TestEquality:
    def test_is_that_of_market_interval_span_and_records(self) -> None:
        one = series(columns([0, 1], ["1.5", "2"]))
        assert one == series(columns([0, 1], ["1.50", "2.0"]))
        assert one == replace(one, provenance=provenance(START), unknown_fields={"more": 2})
        for other in (
            series(columns([0, 1], ["1.5", "2.1"])),
            series(columns([0, 1], ["1.5", "2"], ["1.5", "3"])),
            series(columns([0, 1], ["1.5", "2"], provisional=[1])),
            series(columns([0, 1], ["1.5", "2"]), 0, 3),
            series(columns([0, 1], ["1.5", "2"]), -1),
            series(columns([0], ["1.5"]), 0, 2),
            series(columns([0, 1], ["1.5", "2"]), market_id="other"),
            series(columns([0, 1], ["1.5", "2"], interval="5m"), interval="5m"),
        ):
            assert one != other

    def test_compares_every_digit(self) -> None:
        nines = "9" * 60
        assert series(columns([0], [nines + ".1"])) != series(columns([0], [nines + ".2"]))

    def test_is_not_equal_to_other_things(self) -> None:
        one = series([0])
        assert one != list(one)
        assert one != 1

    def test_is_not_hashable(self) -> None:
        with pytest.raises(TypeError):
            hash(series([0]))


class TestObject:
    def test_shows_itself_in_one_line(self) -> None:
        one = series(columns([0, 3, 4], provisional=[4]), 0, 6)
        assert repr(one) == (
            "<OpenInterestSeries 'hl:perp:BTC-USDC' 1m 2026-05-01T00:00:00Z to 2026-05-01T00:06:00Z: "
            "3 rows, 2 gaps of 3 buckets, 1 provisional>"
        )
        assert "\n" not in repr(series([0], market_id="a\nb"))

    def test_is_frozen(self) -> None:
        with pytest.raises((FrozenInstanceError, AttributeError)):
            series([0]).market_id = "other"  # type: ignore[misc]

    def test_can_be_pickled_and_copied(self) -> None:
        one = series([0, 2], 0, 4)
        assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one  # noqa: S301

    def test_takes_keywords_only(self) -> None:
        with pytest.raises(TypeError):
            OpenInterestSeries(MARKET, "1m", START, START, Columns.empty(2), provenance())  # type: ignore[call-arg]

    @pytest.mark.parametrize(
        ("rows", "start", "end", "word"),
        [
            (columns([0, 5]), 1, 6, "within"),
            (columns([0, 5]), 0, 5, "within"),
            (Columns([START], (["1"], []), [False]), 0, 1, "length"),
            (Columns([START], (["1"], ["1"]), []), 0, 1, "length"),
            (Columns([START + timedelta(seconds=1)], (["1"], ["1"]), [False]), 0, 1, "boundary"),
        ],
    )
    def test_refuses_columns_that_cannot_be_its_own(self, rows: Columns, start: int, end: int, word: str) -> None:
        with pytest.raises(UsageError, match=word):
            series(rows, start, end)

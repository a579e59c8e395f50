"""A series as a sequence of records: slices, gaps, equality."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import UsageError
from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval
from allium_market_data.model.rows import Columns, OpenInterest
from allium_market_data.series.base import Gap
from allium_market_data.series.series import OpenInterestSeries
from support.sample_series import MARKET, START, columns, instant, provenance, series

SECOND = timedelta(seconds=1)


def gaps_of(original: OpenInterestSeries) -> list[tuple[int, int]]:
    """The gaps as ranges of buckets."""
    width = timedelta(microseconds=WIDTHS[original.interval])
    assert all(gap.buckets == (gap.end - gap.start) // width for gap in original.gaps())
    return [((gap.start - START) // width, (gap.end - START) // width) for gap in original.gaps()]


class TestRows:
    def test_a_series_is_read_like_a_list_of_records(self) -> None:
        two = series(columns([0, 1], ["12483.50", "7"], ["1.10", "0"], provisional=[1]))
        first = OpenInterest(MARKET, START, Decimal("12483.50"), Decimal("1.10"))
        last = OpenInterest(MARKET, instant(1), Decimal(7), Decimal(0), provisional=True)
        assert len(two) == 2
        assert list(two) == [first, last] == [two[0], two[1]]
        assert (two[-1], two[-2]) == (last, first)
        assert list(reversed(two)) == [last, first]
        assert last in two

    def test_decimals_keep_the_digits_of_the_server(self) -> None:
        assert str(series(columns([0], ["12483.50"]))[0].oi_base) == "12483.50"

    @pytest.mark.parametrize("index", [2, -3])
    def test_an_index_out_of_range_is_an_index_error(self, index: int) -> None:
        with pytest.raises(IndexError):
            series([0, 1])[index]

    def test_provisional_records_are_listed(self) -> None:
        three = series(columns([0, 1, 2], provisional=[0, 2]))
        assert three.provisional == (three[0], three[2])
        assert series([0, 1]).provisional == ()

    def test_a_series_is_true_if_it_has_rows(self) -> None:
        assert series([0])
        assert not series([])


class TestSlices:
    def test_a_slice_spans_from_its_first_row_to_the_next_row(self) -> None:
        original = series([1, 2, 5, 6], 0, 9)
        part = original[1:3]
        assert list(part) == list(original)[1:3]
        assert (part.start, part.end) == (instant(2), instant(6))
        assert gaps_of(part) == [(3, 5)]

    def test_a_slice_of_all_rows_is_equal_to_the_series(self) -> None:
        original = series([1, 4], 0, 9)
        assert original[:] == original == original[0:2] == original[-9:9:1]
        assert series([], 0, 9)[:] == series([], 0, 9)

    def test_a_slice_of_the_last_rows_has_the_gap_after_them(self) -> None:
        assert gaps_of(series([0, 1, 2], 0, 5)[-2:]) == [(3, 5)]

    @pytest.mark.parametrize("part", [slice(0, 0), slice(1, 1), slice(2, 1), slice(3, None), slice(9, 9)])
    def test_an_empty_slice_has_no_gaps(self, part: slice) -> None:
        empty = series([1, 2, 5], 0, 9)[part]
        assert (len(empty), empty.gaps()) == (0, [])

    @given(st.sets(st.integers(0, 40)), st.integers(-45, 45))
    def test_two_slices_have_the_rows_and_gaps_of_the_whole(self, buckets: set[int], cut: int) -> None:
        original = series(sorted(buckets), 0, 45)
        before, after = original[:cut], original[cut:]
        assert [*before, *after] == list(original)
        if buckets:
            assert before.gaps() + after.gaps() == original.gaps()

    @pytest.mark.parametrize(("part", "text"), [(slice(None, None, 2), "[::2]"), (slice(3, None, -1), "[3::-1]")])
    def test_a_step_is_refused(self, part: slice, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            series([0, 1, 2])[part]
        assert f"list(series){text}" in str(caught.value)


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
    def test_gaps_are_maximal_ranges_without_rows(
        self, buckets: list[int], gaps: list[tuple[int, int]], interval: Interval
    ) -> None:
        assert gaps_of(series(columns(buckets, interval=interval), 0, 6, interval=interval)) == gaps

    @given(st.sets(st.integers(0, 300)), st.integers(1, 300))
    def test_gaps_hold_exactly_the_missing_buckets(self, buckets: set[int], end: int) -> None:
        rows = sorted(bucket for bucket in buckets if bucket < end)
        missing = [bucket for first, stop in gaps_of(series(rows, 0, end)) for bucket in range(first, stop)]
        assert missing == sorted(set(range(end)) - set(rows))

    def test_gaps_are_aligned_in_an_unaligned_span(self) -> None:
        original = replace(series([3], 0, 6), start=instant(0) + SECOND, end=instant(5) + SECOND)
        assert gaps_of(original) == [(1, 3), (4, 6)]

    def test_buckets_that_had_not_begun_are_not_missing(self) -> None:
        assert gaps_of(series([0, 1], 0, 60, finished=instant(2) - SECOND)) == []
        assert gaps_of(series([0, 1], 0, 60, finished=instant(3))) == [(2, 3)]
        assert gaps_of(series([0, 1], 0, 60, finished=instant(3) + SECOND)) == [(2, 4)]
        assert series([], 0, 60, finished=instant(-60)).gaps() == []

    def test_a_row_after_the_end_of_the_fetch_is_not_a_gap(self) -> None:
        """The server's clock may be ahead, or ``ts`` may name the end of the bucket."""
        assert gaps_of(series([0, 1, 2], 0, 60, finished=instant(1))) == []

    def test_a_gap_is_frozen(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Gap(START, START, 0).buckets = 1  # type: ignore[misc]


class TestEquality:
    def test_market_interval_span_and_records_decide(self) -> None:
        original = series(columns([0, 1], ["1.5", "2"]))
        assert original == series(columns([0, 1], ["1.50", "2.0"]))
        assert original == replace(original, provenance=provenance(START), unknown_fields={"more": 2})
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
            assert original != other

    def test_every_digit_counts(self) -> None:
        nines = "9" * 60
        assert series(columns([0], [nines + ".1"])) != series(columns([0], [nines + ".2"]))

    def test_a_series_differs_from_other_types(self) -> None:
        original = series([0])
        assert original != list(original)
        assert original != 1

    def test_a_series_is_not_hashable(self) -> None:
        with pytest.raises(TypeError):
            hash(series([0]))


class TestObject:
    def test_repr_is_one_line(self) -> None:
        assert repr(series(columns([0, 3, 4], provisional=[4]), 0, 6)) == (
            "<OpenInterestSeries 'hl:perp:BTC-USDC' 1m 2026-05-01T00:00:00Z to 2026-05-01T00:06:00Z: "
            "3 rows, 2 gaps of 3 buckets, 1 provisional>"
        )
        assert "\n" not in repr(series([0], market_id="a\nb"))

    def test_a_series_is_frozen(self) -> None:
        with pytest.raises((FrozenInstanceError, AttributeError)):
            series([0]).market_id = "other"  # type: ignore[misc]

    def test_a_series_can_be_pickled_and_copied(self) -> None:
        original = series([0, 2], 0, 4)
        assert pickle.loads(pickle.dumps(original)) == copy.deepcopy(original) == original  # noqa: S301

    def test_arguments_are_keyword_only(self) -> None:
        with pytest.raises(TypeError):
            OpenInterestSeries(MARKET, "1m", START, START, Columns.empty(2), provenance())  # type: ignore[call-arg]

    @pytest.mark.parametrize(
        ("rows", "start", "end", "message"),
        [
            (columns([0, 5]), 1, 6, "within"),
            (columns([0, 5]), 0, 5, "within"),
            (Columns([START], (["1"], []), [False]), 0, 1, "length"),
            (Columns([START], (["1"], ["1"]), []), 0, 1, "length"),
            (Columns([START + SECOND], (["1"], ["1"]), [False]), 0, 1, "boundary"),
        ],
    )
    def test_columns_that_do_not_fit_are_refused(self, rows: Columns, start: int, end: int, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            series(rows, start, end)

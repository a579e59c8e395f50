"""A series as a sequence of records: slices, gaps, equality."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, astuple, is_dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pprint import pformat
from typing import Any

import numpy as np
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


class TestSelection:
    @given(st.sets(st.integers(0, 40)), st.integers(-60, 3_000), st.integers(-60, 3_000))
    def test_a_slice_by_time_has_the_rows_and_gaps_of_that_time(self, buckets: set[int], start: int, end: int) -> None:
        start, end = sorted((start, end))
        original = series(sorted(buckets), 0, 45)
        since, until = (START + timedelta(seconds=seconds) for seconds in (start, end))
        part = original[since:until]
        assert list(part) == [row for row in original if since <= row.ts < until]
        assert (part.start, part.end) == tuple(min(max(edge, original.start), original.end) for edge in (since, until))
        assert part == original.between(since, until)
        assert part == original.between(since.isoformat(), np.datetime64(until.replace(tzinfo=None)))
        before, after = original[:since], original[until:]
        assert [*before, *part, *after] == list(original)
        missing = [sum(gap.buckets for gap in each.gaps()) for each in (before, part, after, original)]
        assert sum(missing[:3]) == missing[3]

    def test_a_day_is_selected_as_text_or_date(self) -> None:
        days = series(columns(range(96), interval="1h"), 0, 96, interval="1h")
        assert len(days["2026-05-02":"2026-05-03"]) == len(days.between("2026-05-02", date(2026, 5, 3))) == 24
        assert days["2026-05-02":][0].ts == instant(24, "1h")
        assert len(days.between()) == 96

    def test_a_selection_does_not_claim_more_than_the_series_covers(self) -> None:
        part = series([1, 2], 0, 5).between("2020-01-01", "2030-01-01")
        assert (part.start, part.end) == (instant(0), instant(5))
        after = series([1, 2], 0, 5).between("2030-01-01")
        assert (len(after), after.gaps(), after.start, after.end) == (0, [], instant(5), instant(5))

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            (slice("2026-05-01", 3), "not one of each"),
            (slice("soon", None), "start is not an ISO 8601 time"),
            (slice("2026-05-02", "2026-05-01"), "start must not be after end"),
            (slice("2026-05-01", None, 2), r"list\(series\[2026-05-01:\]\)\[::2\]"),
            ("2026-05-01", r"is not a row: series\[3\] is one row"),
            ("oi_base", "is not a row"),
        ],
    )
    def test_what_selects_nothing_certain_is_refused(self, index: Any, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            series([0, 1])[index]

    def test_columns_and_ends(self) -> None:
        rows = series(columns([0, 1, 4], ["1.50", "2", "3"], ["10", "20", "30.0"]), 0, 9)
        assert list(rows.ts) == [instant(0), instant(1), instant(4)]
        assert (rows.oi_base, [str(value) for value in rows.oi_quote_usd]) == (
            [Decimal("1.5"), 2, 3],
            ["10", "20", "30.0"],
        )
        assert rows.values("oi_base") == rows.oi_base
        assert (rows.head(2), rows.tail(2), rows.tail(9), len(rows.tail(0))) == (rows[:2], rows[1:], rows, 0)
        with pytest.raises(UsageError, match="unknown amount 'price'"):
            rows.values("price")

    def test_dictionaries_have_the_fields_of_the_records(self) -> None:
        rows = series(columns([0, 1], provisional=[1]))
        assert rows.to_dicts() == [asdict(row) for row in rows]
        assert list(rows.to_dicts()[0]) == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"]
        assert astuple(rows[1]) == tuple(rows.to_dicts()[1].values())
        assert replace(rows[0], provisional=True).provisional
        assert is_dataclass(OpenInterest)
        assert pformat(rows[0]) == repr(rows[0])


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
    def test_repr_shows_the_span_and_rows_of_both_ends(self) -> None:
        span = "2026-05-01T00:00:00Z to 2026-05-01T00:06:00Z"
        assert repr(series(columns([0, 3, 4], provisional=[4]), 0, 6)).splitlines() == [
            f"<OpenInterestSeries {MARKET!r} 1m {span}: 3 rows, 2 gaps of 3 buckets, 1 provisional>",
            "                    ts  oi_base  oi_quote_usd",
            "  2026-05-01T00:00:00Z     0.50          0.50",
            "  2026-05-01T00:03:00Z     3.50          3.50",
            "  2026-05-01T00:04:00Z     4.50          4.50  provisional",
        ]
        lines = repr(series(range(1000))).splitlines()
        assert [line.split()[0] for line in lines[1:]] == [
            "ts",
            *(f"2026-05-01T00:0{minute}:00Z" for minute in range(3)),
            "...",
            *(f"2026-05-01T16:{minute}:00Z" for minute in range(37, 40)),
        ]
        assert "1,000 rows, no gaps" in lines[0]
        assert "1 row, 1 gap of 1 bucket" in repr(series([1], 0, 2))
        assert len(repr(series([], market_id="a\nb")).splitlines()) == 1
        assert "1" * 37 + "..." in repr(series(columns([0], ["1" * 500])))

    def test_a_notebook_shows_a_table_without_markup_of_the_market(self) -> None:
        html = series(range(7), market_id="<b>&")._repr_html_()
        assert "&lt;b&gt;&amp;" in html
        assert html.count("<tr>") == 1 + 3 + 1 + 3
        assert "<td>0.50</td>" in html
        assert "<table>" not in series([])._repr_html_()

    def test_a_series_is_frozen(self) -> None:
        with pytest.raises((FrozenInstanceError, AttributeError)):
            series([0]).market_id = "other"  # type: ignore[misc]

    def test_a_series_can_be_pickled_and_copied(self) -> None:
        original = series([0, 2], 0, 4)
        assert pickle.loads(pickle.dumps(original)) == copy.deepcopy(original) == original  # noqa: S301

    def test_arguments_are_keyword_only(self) -> None:
        with pytest.raises(TypeError):
            OpenInterestSeries(MARKET, "1m", START, START, Columns.empty(2), provenance())  # type: ignore[call-arg,arg-type]

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

"""The pure half of the table: spans, what is complete, and what is to be done."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS, Interval, floor
from allium_market_data.store.coverage import KEY, Coverage, Note, add_up, encode, newest_sum
from allium_market_data.store.plan import Task, closed, grouped, lacking
from allium_market_data.store.spans import Span, Spans, by_month, month, size, span_of, union, without
from allium_market_data.store.update import due
from allium_market_data.store.verify import sample
from support.budget import examples
from support.strategies import AROUND, intervals

EDGE = 24
bounds = st.integers(0, EDGE)
pairs = st.tuples(bounds, bounds)
loose_spans = st.lists(pairs, max_size=8)
"""Any pairs, empty and turned ones among them."""

MARKETS = ("a:perp:A", "b:perp:B", "c:perp:C")


def held(spans: Any) -> set[int]:
    """The instants of spans, one by one: the plainest possible set."""
    return {instant for start, end in spans for instant in range(start, end)}


class TestSpans:
    @given(loose_spans)
    def test_a_union_holds_the_same_instants_sorted_and_apart(self, parts: list[Span]) -> None:
        joined = union(parts)
        assert held(joined) == held(parts)
        assert all(start < end for start, end in joined)
        assert all(before[1] < after[0] for before, after in pairwise(joined))

    @given(pairs, loose_spans)
    def test_what_is_left_of_a_span_is_what_no_other_takes(self, whole: Span, taken: list[Span]) -> None:
        left = without(whole, union(taken))
        assert held(left) == held([whole]) - held(taken)
        assert union(left) == left

    @given(loose_spans)
    def test_the_size_of_spans_counts_their_instants(self, parts: list[Span]) -> None:
        assert size(union(parts)) == len(held(parts))

    @given(st.integers(0, 4 * 10**9), st.integers(0, 200 * 86_400))
    def test_months_cut_a_span_where_they_begin_and_nowhere_else(self, second: int, seconds: int) -> None:
        span = second * 10**6, (second + seconds) * 10**6
        parts = list(by_month(span))
        assert union(parts) == union([span])
        for start, end in parts:
            whole = span_of(month(start))
            assert whole[0] <= start < end <= whole[1]
            assert start in (whole[0], span[0])
            assert end in (whole[1], span[1])


@st.composite
def aligned(draw: st.DrawFn, width: int, most: int = 60) -> Span:
    """A span on the boundaries of an interval, which may cross into another month."""
    start = AROUND - 20 * width + draw(st.integers(0, 40)) * width
    return start, start + draw(st.integers(0, most)) * width


@st.composite
def coverages(draw: st.DrawFn, interval: Interval) -> Coverage:
    width = WIDTHS[interval]
    complete = {}
    for market in draw(st.sets(st.sampled_from(MARKETS))):
        if spans := union(draw(st.lists(aligned(width), max_size=4))):
            complete[interval, market] = spans
    loose = {}
    for market in draw(st.sets(st.sampled_from(MARKETS))):
        labels = draw(st.sets(st.integers(0, 80), max_size=2))
        if labels:
            loose[interval, market] = tuple(AROUND - 20 * width + label * width for label in sorted(labels))
    return Coverage(complete, loose, draw(st.integers(0, AROUND)))


with_interval = intervals.flatmap(
    lambda interval: st.tuples(st.just(interval), coverages(interval), aligned(WIDTHS[interval]))
)


class TestPlan:
    @examples(60)
    @given(with_interval)
    def test_what_is_lacking_is_all_that_is_not_complete_each_once_inside_its_month(
        self, made: tuple[Interval, Coverage, Span]
    ) -> None:
        interval, coverage, span = made
        tasks = list(lacking([*MARKETS, MARKETS[0]], interval, span, coverage))
        for market in MARKETS:
            mine = [task.span for task in tasks if task.series == (interval, market)]
            assert size(union(mine)) == size(mine), "no instant twice"
            assert union(mine) == union(without(span, coverage.complete.get((interval, market), ())))
        for task in tasks:
            assert month(task.span[0]) == month(task.span[1] - 1)
            assert not any(instant % WIDTHS[interval] for instant in task.span)

    @given(intervals, st.integers(0, 10**14), st.integers(0, 10**14), st.integers(0, 2 * 10**14))
    def test_closed_buckets_are_those_asked_for_whose_end_is_past(
        self, interval: Interval, start: int, length: int, now: int
    ) -> None:
        start, end = AROUND + start, AROUND + start + length
        now += AROUND
        first, stop = closed(interval, start, end, now)
        width = WIDTHS[interval]
        assert first % width == stop % width == 0
        assert first <= stop
        for label in {first, first + width, stop - width, stop, stop + width, floor(start, width), floor(now, width)}:
            assert (first <= label < stop) == (start <= label < end and label + width <= now)

    @examples(25)
    @given(with_interval, st.integers(1, 50))
    def test_groups_are_the_tasks_in_order(self, made: tuple[Interval, Coverage, Span], rows: int) -> None:
        tasks = list(lacking(MARKETS, made[0], made[2], made[1]))
        groups = list(grouped(tasks, rows))
        assert [task for group in groups for task in group] == tasks
        assert all(sum(task.buckets for task in group[:-1]) < rows for group in groups)


class TestDue:
    """An update fetches what is complete in the span looked back over, every provisional row, and what came since."""

    @examples(60)
    @given(with_interval, st.integers(0, 10**9), st.integers(0, 70), st.booleans())
    def test_what_is_due(self, made: tuple[Interval, Coverage, Span], since: int, back: int, provisional: bool) -> None:
        interval, coverage, span = made
        width, now = WIDTHS[interval], span[1] + since
        tasks = due(coverage, now, back * width, provisional, None)
        assert {task.series for task in tasks} <= {*coverage.complete, *coverage.provisional}
        for series in {*coverage.complete, *coverage.provisional}:
            mine = [task.span for task in tasks if task.series == series]
            complete = coverage.complete.get(series, ())
            end = complete[-1][1] if complete else min(coverage.provisional[series])
            assert size(union(mine)) == size(mine)
            wanted = [(max(start, end - back * width), stop) for start, stop in complete]
            wanted += [(end, floor(now, width) + provisional * width)]
            wanted += [(label, label + width) for label in coverage.provisional.get(series, ())]
            assert union(mine) == union(wanted)
        assert all(month(task.span[0]) == month(task.span[1] - 1) for task in tasks)

    @examples(25)
    @given(with_interval)
    def test_only_the_markets_asked_for(self, made: tuple[Interval, Coverage, Span]) -> None:
        tasks = due(made[1], made[2][1] + DAY, DAY, False, frozenset(MARKETS[:1]))
        assert {task.series[1] for task in tasks} <= {MARKETS[0]}


class TestCoverage:
    @examples(60)
    @given(with_interval, with_interval, st.integers(0, 99))
    def test_a_note_is_read_as_it_was_written_with_its_sum(self, one: Any, other: Any, version: int) -> None:
        note = Note(one[1].complete, one[1].provisional, one[1].fetched_at)
        said = {KEY: encode(note, (version, other[1]))}
        assert add_up(Coverage(), [said]) == Coverage().plus(note) == one[1]
        assert newest_sum([{}, said]) == (version, other[1])
        assert newest_sum([{KEY: encode(note)}]) is None
        assert json.loads(said[KEY])["fetched_at"] == note.fetched_at

    @examples(60)
    @given(st.lists(with_interval, max_size=4))
    def test_coverage_only_grows_and_the_newest_word_on_provisional_rows_counts(self, made: list[Any]) -> None:
        total, latest = Coverage(), 0
        for _, more, _ in made:
            note = Note(more.complete, more.provisional, more.fetched_at)
            before, total, latest = total, total.plus(note), max(latest, more.fetched_at)
            for series, spans in (*before.complete.items(), *more.complete.items()):
                assert all(not without(span, total.complete[series]) for span in spans)
                assert total.end(series) == total.complete[series][-1][1]
            assert all(total.provisional[series] == labels for series, labels in more.provisional.items())
        assert total.fetched_at == latest

    def test_provisional_rows_that_are_settled_are_forgotten(self) -> None:
        series: tuple[Interval, str] = ("1h", MARKETS[0])
        before = Coverage(provisional={series: (AROUND,)})
        assert before.plus(Note(provisional={series: ()})).provisional == {}


class TestSample:
    @examples(60)
    @given(with_interval, st.integers(1, 30), st.integers(0, 5))
    def test_a_sample_lies_in_what_is_complete_and_is_the_same_again(
        self, made: tuple[Interval, Coverage, Span], windows: int, seed: int
    ) -> None:
        coverage, width = made[1], WIDTHS[made[0]]
        tasks = sample(coverage, windows, seed)
        assert tasks == sample(coverage, windows, seed)
        assert bool(tasks) == bool(coverage.complete)
        assert len(tasks) <= windows
        for task in tasks:
            start, end = task.span
            assert not without(task.span, coverage.complete[task.series])
            assert start < end <= start + max(DAY, 100 * width)
            assert start % width == end % width == 0
            assert month(start) == month(end - 1)

    def test_every_corner_may_be_sampled(self) -> None:
        spans: Spans = ((AROUND, AROUND + 10 * DAY),)
        coverage = Coverage({("1h", MARKETS[0]): spans})
        taken = held((s // HOUR, e // HOUR) for t in sample(coverage, 2_000, 1) for s, e in [t.span])
        assert taken == set(range(spans[0][0] // HOUR, spans[0][1] // HOUR))


def test_a_task_tells_its_requests_and_rows() -> None:
    task = Task(("1m", MARKETS[0]), (AROUND, AROUND + 7 * DAY))
    assert (task.requests, task.buckets) == (3, 10_080)
    assert str(task) == "a:perp:A 1m 2026-05-01T00:00:00Z to 2026-05-08T00:00:00Z"

"""The parts of a table that do no I/O: spans, coverage, and plans."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS, Interval, floor
from allium_market_data.model.times import from_micros
from allium_market_data.store.coverage import METADATA_KEY, CommitNote, Coverage, encode, find_snapshot, replay
from allium_market_data.store.plan import Task, closed_span, group_tasks, plan_missing
from allium_market_data.store.spans import Span, month_of, split_by_month, subtract, total_length, union
from allium_market_data.store.update import plan_update
from allium_market_data.store.verify import sample_tasks
from support.strategies import AROUND, intervals

bounds = st.integers(0, 24)
pairs = st.tuples(bounds, bounds)
pair_lists = st.lists(pairs, max_size=8)
"""Any pairs, also empty and reversed ones."""

MARKETS = ("a:perp:A", "b:perp:B", "c:perp:C")


def instants(spans: Any) -> set[int]:
    """Each instant of the spans: the simplest model of a set."""
    return {instant for start, end in spans for instant in range(start, end)}


class TestSpans:
    @given(pair_lists)
    def test_a_union_has_the_same_instants_in_separate_spans(self, parts: list[Span]) -> None:
        joined = union(parts)
        assert instants(joined) == instants(parts)
        assert all(start < end for start, end in joined)
        assert all(before[1] < after[0] for before, after in pairwise(joined))
        assert total_length(joined) == len(instants(parts))

    @given(pairs, pair_lists)
    def test_a_difference_has_the_remaining_instants(self, whole: Span, taken: list[Span]) -> None:
        remaining = subtract(whole, union(taken))
        assert instants(remaining) == instants([whole]) - instants(taken)
        assert union(remaining) == remaining

    @given(st.integers(0, 4 * 10**9), st.integers(0, 200 * 86_400))
    def test_a_span_is_split_where_months_begin(self, second: int, seconds: int) -> None:
        span = second * 10**6, (second + seconds) * 10**6
        parts = list(split_by_month(span))
        assert union(parts) == union([span])
        assert all(month_of(start) == month_of(end - 1) for start, end in parts)
        for _, end in parts[:-1]:
            boundary = from_micros(end)
            assert f"{boundary:%d %H:%M:%S.%f}" == "01 00:00:00.000000"


@st.composite
def aligned(draw: st.DrawFn, width: int, most: int = 60) -> Span:
    """A span on the bucket boundaries of an interval, sometimes over the end of a month."""
    start = AROUND - 20 * width + draw(st.integers(0, 40)) * width
    return start, start + draw(st.integers(0, most)) * width


@st.composite
def coverages(draw: st.DrawFn, interval: Interval) -> Coverage:
    width = WIDTHS[interval]
    complete = {}
    for market in draw(st.sets(st.sampled_from(MARKETS))):
        if spans := union(draw(st.lists(aligned(width), max_size=4))):
            complete[interval, market] = spans
    provisional = {}
    for market in draw(st.sets(st.sampled_from(MARKETS))):
        labels = draw(st.sets(st.integers(0, 80), max_size=2))
        if labels:
            provisional[interval, market] = tuple(AROUND - 20 * width + label * width for label in sorted(labels))
    return Coverage(complete, provisional, draw(st.integers(0, AROUND)))


cases = intervals.flatmap(lambda interval: st.tuples(st.just(interval), coverages(interval), aligned(WIDTHS[interval])))
"""An interval, a coverage, and a span."""


class TestPlanMissing:
    @given(cases)
    def test_tasks_are_exactly_the_missing_parts(self, case: tuple[Interval, Coverage, Span]) -> None:
        interval, coverage, span = case
        tasks = list(plan_missing([*MARKETS, MARKETS[0]], interval, span, coverage))
        for market in MARKETS:
            spans = [task.span for task in tasks if task.key == (interval, market)]
            assert total_length(union(spans)) == total_length(spans), "no instant twice"
            assert union(spans) == union(subtract(span, coverage.complete.get((interval, market), ())))
        for task in tasks:
            assert month_of(task.span[0]) == month_of(task.span[1] - 1)
            assert not any(instant % WIDTHS[interval] for instant in task.span)

    @given(intervals, st.integers(0, 10**14), st.integers(0, 10**14), st.integers(0, 2 * 10**14))
    def test_closed_buckets_are_the_requested_ones_that_have_ended(
        self, interval: Interval, start: int, length: int, now: int
    ) -> None:
        start, end = AROUND + start, AROUND + start + length
        now += AROUND
        first, stop = closed_span(interval, start, end, now)
        width = WIDTHS[interval]
        assert first % width == stop % width == 0
        assert first <= stop
        for label in {first, first + width, stop - width, stop, stop + width, floor(start, width), floor(now, width)}:
            assert (first <= label < stop) == (start <= label < end and label + width <= now)

    @given(cases, st.integers(1, 50))
    def test_groups_contain_the_tasks_in_order(self, case: tuple[Interval, Coverage, Span], rows: int) -> None:
        tasks = list(plan_missing(MARKETS, case[0], case[2], case[1]))
        groups = list(group_tasks(tasks, rows))
        assert [task for group in groups for task in group] == tasks
        assert all(sum(task.buckets for task in group[:-1]) < rows for group in groups)


class TestPlanUpdate:
    @given(cases, st.integers(0, 10**9), st.integers(0, 70), st.booleans())
    def test_it_fetches_the_look_back_provisional_rows_and_news(
        self, case: tuple[Interval, Coverage, Span], since: int, back: int, provisional: bool
    ) -> None:
        interval, coverage, span = case
        width, now = WIDTHS[interval], span[1] + since
        tasks = plan_update(coverage, now, back * width, provisional, frozenset(MARKETS))
        assert {task.key for task in tasks} <= {*coverage.complete, *coverage.provisional}
        for key in {*coverage.complete, *coverage.provisional}:
            spans = [task.span for task in tasks if task.key == key]
            complete = coverage.complete.get(key, ())
            end = complete[-1][1] if complete else min(coverage.provisional[key])
            assert total_length(union(spans)) == total_length(spans)
            expected = [(max(start, end - back * width), stop) for start, stop in complete]
            expected += [(end, floor(now, width) + provisional * width)]
            expected += [(label, label + width) for label in coverage.provisional.get(key, ())]
            assert union(spans) == union(expected)
        assert all(month_of(task.span[0]) == month_of(task.span[1] - 1) for task in tasks)

    @given(cases)
    def test_it_fetches_only_requested_markets(self, case: tuple[Interval, Coverage, Span]) -> None:
        tasks = plan_update(case[1], case[2][1] + DAY, DAY, False, frozenset(MARKETS[:1]))
        assert {task.key[1] for task in tasks} <= {MARKETS[0]}


class TestCoverage:
    @given(cases, cases, st.integers(0, 99))
    def test_a_note_and_its_snapshot_survive_encoding(self, case: Any, other: Any, version: int) -> None:
        note = CommitNote(case[1].complete, case[1].provisional, case[1].fetched_at)
        commit = {METADATA_KEY: encode(note, (version, other[1]))}
        assert replay(Coverage(), [commit]) == Coverage().add(note) == case[1]
        assert find_snapshot([{}, commit]) == (version, other[1])
        assert find_snapshot([{METADATA_KEY: encode(note)}]) is None
        assert json.loads(commit[METADATA_KEY])["fetched_at"] == note.fetched_at

    @given(st.lists(cases, max_size=4))
    def test_windows_stay_complete_and_provisional_rows_are_replaced(self, added: list[Any]) -> None:
        total, latest = Coverage(), 0
        for _, more, _ in added:
            note = CommitNote(more.complete, more.provisional, more.fetched_at)
            before, total, latest = total, total.add(note), max(latest, more.fetched_at)
            for key, spans in (*before.complete.items(), *more.complete.items()):
                assert all(not subtract(span, total.complete[key]) for span in spans)
                assert total.end_of(key) == total.complete[key][-1][1]
            assert all(total.provisional[key] == labels for key, labels in more.provisional.items())
        assert total.fetched_at == latest

    def test_settled_provisional_rows_are_forgotten(self) -> None:
        key: tuple[Interval, str] = ("1h", MARKETS[0])
        before = Coverage(provisional={key: (AROUND,)})
        assert before.add(CommitNote(provisional={key: ()})).provisional == {}


class TestSample:
    @given(cases, st.integers(1, 30), st.integers(0, 5))
    def test_a_sample_is_complete_and_reproducible(
        self, case: tuple[Interval, Coverage, Span], windows: int, seed: int
    ) -> None:
        coverage, width = case[1], WIDTHS[case[0]]
        tasks = sample_tasks(coverage, windows, seed)
        assert tasks == sample_tasks(coverage, windows, seed)
        assert bool(tasks) == bool(coverage.complete)
        assert len(tasks) <= windows
        for task in tasks:
            start, end = task.span
            assert not subtract(task.span, coverage.complete[task.key])
            assert start < end <= start + max(DAY, 100 * width)
            assert start % width == end % width == 0
            assert month_of(start) == month_of(end - 1)

    def test_every_bucket_may_be_sampled(self) -> None:
        span = AROUND, AROUND + 10 * DAY
        tasks = sample_tasks(Coverage({("1h", MARKETS[0]): (span,)}), 2_000, 1)
        sampled = instants((start // HOUR, end // HOUR) for task in tasks for start, end in [task.span])
        assert sampled == set(range(span[0] // HOUR, span[1] // HOUR))


def test_a_task_knows_its_requests_and_buckets() -> None:
    task = Task(("1m", MARKETS[0]), (AROUND, AROUND + 7 * DAY))
    assert (task.requests, task.buckets) == (3, 10_080)
    assert str(task) == "a:perp:A 1m 2026-05-01T00:00:00Z to 2026-05-08T00:00:00Z"

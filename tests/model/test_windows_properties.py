"""What holds for the windows of every plan."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.plan import plan
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, ceil
from allium_market_data.model.times import from_micros, micros
from allium_market_data.model.windows import Plan
from support.strategies import AROUND

WEEK = timedelta(days=7)
LIMIT = OPEN_INTEREST.operation.limit_maximum


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    interval = draw(st.sampled_from(INTERVALS))
    width = WIDTHS[interval]
    buckets = draw(st.one_of(st.integers(0, 3), st.integers(0, 60 * min(7 * DAY // width, LIMIT))))
    start = AROUND + draw(st.integers(-30_000, 3_000)) * DAY + draw(st.one_of(st.just(0), st.integers(0, width)))
    end = start + buckets * width + draw(st.one_of(st.just(0), st.integers(0, width)))
    return plan(OPEN_INTEREST, interval, from_micros(start), from_micros(max(end, start + 1)))


@given(plans())
def test_windows_own_every_bucket_exactly_once_and_in_order(plan: Plan) -> None:
    windows = list(plan)
    first, stop = (from_micros(ceil(micros(edge), plan.width)) for edge in (plan.start, plan.end))
    assert (plan.first_bucket, plan.stop_bucket) == (first, stop)
    assert plan.buckets == (stop - first) // plan.bucket
    assert len(windows) == len(plan)
    assert bool(windows) == (first < stop)
    if windows:
        assert (windows[0].first, windows[-1].end) == (first, stop)
    assert all(before.end == after.first for before, after in pairwise(windows))
    assert all(window.first < window.end for window in windows)


@given(plans())
def test_no_window_exceeds_seven_days_or_the_limit(plan: Plan) -> None:
    for window in plan:
        assert window.end - window.start <= WEEK
        # One row more than buckets: an inclusive end, or labels that name the end of a bucket.
        assert (window.end - window.start) // plan.bucket + 1 < LIMIT


@given(plans())
def test_windows_are_aligned_and_begin_a_bucket_early(plan: Plan) -> None:
    for window in plan:
        assert window.first - window.start >= plan.bucket
        assert not any(micros(edge) % plan.width for edge in (window.start, window.first, window.end))


@given(plans())
def test_overlap_costs_at_most_a_fifth_more_requests(plan: Plan) -> None:
    fewest = -(-plan.buckets // min(OPEN_INTEREST.operation.window_cap // plan.width, LIMIT))
    assert len(plan) <= -(-6 * fewest // 5)


@given(plans(), st.integers(-70, 70), st.integers(-70, 70), st.sampled_from([None, 1, 2, -1]))
def test_a_plan_is_indexed_and_sliced_like_a_tuple(plan: Plan, low: int, high: int, step: int | None) -> None:
    windows = tuple(plan)
    assert plan[low:high:step] == windows[low:high:step]
    if -len(windows) <= low < len(windows):
        assert plan[low] == windows[low]


@given(plans(), st.integers(0, 400), st.integers(1, 400))
def test_a_part_of_a_plan_owns_exactly_that_part(whole: Plan, skip: int, length: int) -> None:
    start = whole.first_bucket + skip * whole.bucket
    part = whole.part(start, start + length * whole.bucket)
    windows = list(part)
    assert (windows[0].first, windows[-1].end) == (start, start + length * whole.bucket)
    assert all(before.end == after.first for before, after in pairwise(windows))
    assert len(part) <= len(plan(OPEN_INTEREST, whole.interval, part.start, part.end))

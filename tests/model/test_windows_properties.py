"""What every plan keeps to, and how many requests it takes."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from allium_market_data.client.decode import Page
from allium_market_data.client.fetch import FetchLoop
from allium_market_data.client.plan import plan
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, Interval, ceil
from allium_market_data.model.rows import Columns
from allium_market_data.model.times import from_micros, micros
from allium_market_data.model.windows import Plan, Window
from support.budget import examples
from support.strategies import AROUND

WEEK = timedelta(days=7)
LIMIT = OPEN_INTEREST.limit


def fewest(buckets: int, interval: Interval) -> int:
    """Requests if each could own all that a request may span and an answer may hold."""
    return -(-buckets // min(OPEN_INTEREST.span // WIDTHS[interval], LIMIT))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    interval = draw(st.sampled_from(INTERVALS))
    width = WIDTHS[interval]
    buckets = draw(st.one_of(st.integers(0, 3), st.integers(0, 60 * min(7 * DAY // width, LIMIT))))
    start = AROUND + draw(st.integers(-30_000, 3_000)) * DAY + draw(st.one_of(st.just(0), st.integers(0, width)))
    end = start + buckets * width + draw(st.one_of(st.just(0), st.integers(0, width)))
    return plan(OPEN_INTEREST, interval, from_micros(start), from_micros(max(end, start + 1)))


@given(plans())
@settings(deadline=None)
def test_the_windows_own_every_bucket_of_the_span_exactly_once_and_in_order(made: Plan) -> None:
    windows = list(made)
    first, stop = (from_micros(ceil(micros(edge), made.width)) for edge in (made.start, made.end))
    assert made.buckets == (stop - first) // made.bucket
    assert len(windows) == len(made)
    assert bool(windows) == (first < stop)
    if windows:
        assert (windows[0].first, windows[-1].end) == (first, stop)
    assert all(before.end == after.first for before, after in pairwise(windows))
    assert all(window.first < window.end for window in windows)


@given(plans())
@settings(deadline=None)
def test_no_window_is_longer_than_seven_days_or_can_fill_its_answer(made: Plan) -> None:
    for window in made:
        assert window.end - window.start <= WEEK
        # One row more than buckets: an inclusive end, or a label that names the end of a bucket.
        assert (window.end - window.start) // made.bucket + 1 < LIMIT


@given(plans())
@settings(deadline=None)
def test_every_window_stands_on_boundaries_and_begins_a_bucket_before_what_it_owns(made: Plan) -> None:
    for window in made:
        assert window.first - window.start >= made.bucket
        assert not any(micros(edge) % made.width for edge in (window.start, window.first, window.end))


@given(plans())
@settings(deadline=None)
def test_a_plan_needs_at_most_a_fifth_more_requests_than_the_fewest(made: Plan) -> None:
    assert len(made) <= -(-6 * fewest(made.buckets, made.interval) // 5)


@given(plans(), st.integers(-70, 70), st.integers(-70, 70), st.sampled_from([None, 1, 2, -1]))
@settings(deadline=None)
def test_a_plan_is_indexed_and_sliced_like_a_tuple(made: Plan, low: int, high: int, step: int | None) -> None:
    whole = tuple(made)
    assert made[low:high:step] == whole[low:high:step]
    if -len(whole) <= low < len(whole):
        assert made[low] == whole[low]


@given(plans(), st.integers(0, 400), st.integers(1, 400))
@settings(deadline=None)
def test_a_part_of_a_plan_owns_just_that_part_with_the_same_interval(made: Plan, skip: int, length: int) -> None:
    start = made.first_bucket + skip * made.bucket
    part = made.part(start, start + length * made.bucket)
    windows = list(part)
    assert (windows[0].first, windows[-1].end) == (start, start + length * made.bucket)
    assert all(before.end == after.first for before, after in pairwise(windows))
    assert len(part) <= len(plan(OPEN_INTEREST, made.interval, part.start, part.end))


START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES = [START + MINUTE * minute for minute in range(110 * 1440)]


class Gappy:
    """A server of minutes with gaps, that only counts what it is asked."""

    def __init__(self, gaps: list[tuple[int, int]]) -> None:
        self.asked = 0
        self.ts: list[datetime] = []
        at = 0
        for start, length in sorted(gaps):
            self.ts += MINUTES[at : max(at, start)]
            at = max(at, start + length)
        self.ts += MINUTES[at:]

    async def ask(self, window: Window) -> Page:
        self.asked += 1
        found = self.ts[bisect_left(self.ts, window.start) : bisect_left(self.ts, window.end)]
        blank = ["0"] * len(found)
        return Page(Columns(found, (blank, blank), [False] * len(found)), {})


def fetched(server: Gappy, made: Plan) -> list[datetime]:
    async def run() -> list[datetime]:
        return [ts async for page in FetchLoop(made, server.ask, 4).pages() for ts in page.ts]

    return asyncio.run(run())


@given(st.randoms(use_true_random=False), st.integers(75, 110), st.sampled_from([0.1, 0.5, 1, 3]))
@examples(40)
def test_gaps_cost_at_most_three_fifths_more_requests_than_the_fewest(random: Random, days: int, often: float) -> None:
    """Outages of a minute to a day and a half at random, ``often`` a day, over more than 20 windows."""
    gaps = [(random.randrange(days * 1440), int(2 ** random.uniform(0, 11))) for _ in range(int(days * often))]
    server = Gappy(gaps)
    made = plan(OPEN_INTEREST, "1m", START, START + timedelta(days=days))
    assert fetched(server, made) == [ts for ts in server.ts if ts < made.end]
    assert server.asked <= 1.6 * fewest(made.buckets, "1m")


@given(st.integers().map(Random), st.sampled_from([0.3, 0.7, 0.9]))
@examples(10)
def test_a_thinly_traded_market_costs_no_more_than_a_busy_one(random: Random, missing: float) -> None:
    """Short gaps everywhere, at the border of any two windows too: a little overlap shows rows on both of their sides."""
    server = Gappy([(minute, 1) for minute in range(80 * 1440) if random.random() < missing])
    made = plan(OPEN_INTEREST, "1m", START, START + timedelta(days=80))
    assert fetched(server, made) == [ts for ts in server.ts if ts < made.end]
    assert server.asked <= 1.2 * fewest(made.buckets, "1m")


@given(st.integers(0, 40), st.integers(1, 40))
@examples(20)
def test_a_market_that_is_younger_than_the_window_costs_its_empty_part_twice(before: int, days: int) -> None:
    server = Gappy([(0, before * 1440)])
    made = plan(OPEN_INTEREST, "1m", START, START + timedelta(days=before + days))
    assert fetched(server, made) == [ts for ts in server.ts if ts < made.end]
    assert server.asked <= len(made) + fewest(before * 1440, "1m") + 2

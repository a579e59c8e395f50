"""How many requests a fetch sends to a server whose data has gaps."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.decode import Page
from allium_market_data.client.fetch import FetchLoop
from allium_market_data.client.plan import plan
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.rows import Columns
from allium_market_data.model.windows import Plan, Window
from support.budget import examples

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES_PER_DAY = 1440
MINUTES = [START + MINUTE * minute for minute in range(110 * MINUTES_PER_DAY)]


class GappyServer:
    """A server of minutes with gaps, (first minute, length), that counts its requests."""

    def __init__(self, gaps: list[tuple[int, int]]) -> None:
        self.requests = 0
        self.ts: list[datetime] = []
        position = 0
        for start, length in sorted(gaps):
            self.ts += MINUTES[position : max(position, start)]
            position = max(position, start + length)
        self.ts += MINUTES[position:]

    async def fetch_page(self, window: Window) -> Page:
        self.requests += 1
        ts = self.ts[bisect_left(self.ts, window.start) : bisect_left(self.ts, window.end)]
        zeros = ["0"] * len(ts)
        return Page(Columns(ts, (zeros, zeros), [False] * len(ts)), {})


def plan_of_days(days: int) -> Plan:
    return plan(OPEN_INTEREST, "1m", START, START + timedelta(days=days))


def fewest(minutes: int) -> int:
    """The requests needed if each response could be full."""
    return -(-minutes // OPEN_INTEREST.operation.limit_maximum)


def fetch(server: GappyServer, windows: Plan) -> list[datetime]:
    async def run() -> list[datetime]:
        return [ts async for page in FetchLoop(windows, server.fetch_page, 4).pages() for ts in page.ts]

    return asyncio.run(run())


@given(st.integers().map(Random), st.integers(75, 110), st.sampled_from([0.1, 0.5, 1, 3]))
@examples(10)
def test_outages_cost_at_most_one_more_request_per_window(random: Random, days: int, outages_per_day: float) -> None:
    """Outages of a minute to a day and a half, over more than 20 windows."""
    count = int(days * outages_per_day)
    gaps = [(random.randrange(days * MINUTES_PER_DAY), int(2 ** random.uniform(0, 11))) for _ in range(count)]
    server, windows = GappyServer(gaps), plan_of_days(days)
    assert fetch(server, windows) == [ts for ts in server.ts if ts < windows.end]
    assert server.requests <= 2 * len(windows) + 1


@given(st.integers().map(Random), st.sampled_from([0.3, 0.7, 0.9]))
@examples(3)
def test_a_sparse_market_costs_at_most_a_fifth_more_requests(random: Random, missing: float) -> None:
    """Short gaps everywhere, also across the borders of windows: the overlap has rows on both sides of them."""
    server = GappyServer([(minute, 1) for minute in range(80 * MINUTES_PER_DAY) if random.random() < missing])
    windows = plan_of_days(80)
    assert fetch(server, windows) == [ts for ts in server.ts if ts < windows.end]
    assert server.requests <= 1.2 * fewest(windows.buckets)


@given(st.integers(0, 40), st.integers(1, 40))
@examples(20)
def test_the_time_before_a_market_existed_is_requested_twice(days_before: int, days: int) -> None:
    server = GappyServer([(0, days_before * MINUTES_PER_DAY)])
    windows = plan_of_days(days_before + days)
    assert fetch(server, windows) == [ts for ts in server.ts if ts < windows.end]
    assert server.requests <= len(windows) + fewest(days_before * MINUTES_PER_DAY) + 2

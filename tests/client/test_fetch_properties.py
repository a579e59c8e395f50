"""The guarantee: for every span, window size, reading and row cap, each row once with its whole bucket, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.decode import Page, PageRequest, decode
from allium_market_data.client.fetch import FetchLoop
from allium_market_data.client.plan import plan
from allium_market_data.errors import IncompleteError
from allium_market_data.model.endpoint import OPEN_INTEREST, Endpoint
from allium_market_data.model.intervals import DAY, WIDTHS, Interval
from allium_market_data.model.rows import ColumnsBuilder
from allium_market_data.model.times import from_micros, micros
from allium_market_data.model.windows import Plan, Window
from allium_market_data.sandbox.answer import Row, render, select
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import Reading
from support.budget import examples
from support.endpoints import changed
from support.strategies import AROUND, ListHistory, any_readings, histories, readings

MARKET = "hl:perp:BTC-USDC"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Cut = Callable[[list[Row]], list[Row]]


def small(interval: Interval, buckets: int) -> Endpoint:
    """Open interest if a request could span only a few buckets: many windows from few samples."""
    return changed(window_cap=buckets * WIDTHS[interval])


class Server:
    """Responds under a reading, perhaps with a silent row cap at either end."""

    def __init__(
        self, history: ListHistory, interval: Interval, reading: Reading, cut: Cut = lambda rows: rows
    ) -> None:
        self.history, self.interval, self.reading, self.cut = history, interval, reading, cut

    async def fetch_page(self, window: Window) -> Page:
        query = Query(self.interval, micros(window.start), micros(window.end), OPEN_INTEREST.operation.limit_maximum)
        rows = self.cut(select(query, self.reading, self.history))
        body = render(MARKET, rows, WIDTHS[self.interval], self.reading)
        return decode(body, PageRequest(OPEN_INTEREST, MARKET, self.interval, window, NOW))

    def truth(self, requests: Plan) -> list[tuple[datetime, str, str]]:
        """One response without a cap, to a window so wide that its edges are far away."""
        margin = 3 * DAY
        query = Query(self.interval, micros(requests.start) - margin, micros(requests.end) + margin, 10**9)
        plain = replace(self.reading, order="ascending")
        shift = WIDTHS[self.interval] if self.reading.label == "end" else 0
        rows = [(from_micros(start + shift), base, quote) for start, base, quote in select(query, plain, self.history)]
        return [row for row in rows if requests.start <= row[0] < requests.end]


def fetch(server: Server, requests: Plan, ahead: int = 3) -> list[tuple[datetime, str, str]]:
    async def run() -> list[tuple[datetime, str, str]]:
        builder = ColumnsBuilder(2, requests.width)
        async for page in FetchLoop(requests, server.fetch_page, ahead).pages():
            builder.add(page)
        rows = builder.build()
        return list(zip(rows.ts, *rows.values, strict=True))

    return asyncio.run(run())


def is_same(rows: list[tuple[datetime, str, str]], truth: list[tuple[datetime, str, str]]) -> bool:
    return [(ts, float(b), float(q)) for ts, b, q in rows] == [(ts, float(b), float(q)) for ts, b, q in truth]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Interval, Plan, ListHistory]:
    interval: Interval = draw(st.sampled_from(["1m", "1h", "4h", "1d"]))
    width = WIDTHS[interval]
    span, overlap = draw(st.sampled_from([(7, 40), (9, 0), (45, 40), (10, 4), (4, 0)]))
    buckets = draw(st.integers(1, 60))
    history = draw(histories(interval, buckets))
    start = AROUND + draw(st.sampled_from([0, 1, -1, width // 2]))
    end = AROUND + buckets * width + draw(st.sampled_from([0, 1, -1, width // 3]))
    return interval, plan(small(interval, span), interval, from_micros(start), from_micros(end), overlap), history


@given(cases(), readings, st.integers(1, 5))
@examples(100)
def test_a_fetch_in_windows_equals_one_uncapped_response(
    case: tuple[Interval, Plan, ListHistory], reading: Reading, ahead: int
) -> None:
    interval, requests, history = case
    server = Server(history, interval, reading)
    assert is_same(fetch(server, requests, ahead), server.truth(requests))


@given(cases(), any_readings, st.integers(1, 12), st.booleans())
@examples(150)
def test_a_silent_row_cap_loses_nothing_or_is_an_error(
    case: tuple[Interval, Plan, ListHistory], reading: Reading, cap: int, latest: bool
) -> None:
    interval, requests, history = case

    def cut(full: list[Row]) -> list[Row]:
        ordered = sorted(full)
        return ordered[-cap:] if latest else ordered[:cap]

    server = Server(history, interval, reading, cut)
    try:
        rows = fetch(server, requests)
    except IncompleteError:
        assert cap <= 2
    else:
        assert is_same(rows, server.truth(requests))

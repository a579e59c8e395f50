"""The sandbox against a direct model of the definitions, for any samples, window and reading."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.model.intervals import MINUTE, WIDTHS, Interval
from allium_market_data.sandbox.answer import DECIMALS, Row, Span, render, respond, select
from allium_market_data.sandbox.history import MarketHistory
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.readings import READINGS, Reading, reading_named
from allium_market_data.sandbox.samples import Samples, connect
from allium_market_data.sandbox.source import Eras, Sample, Source, insert
from allium_market_data_wire.contract import OPEN_INTEREST
from support.sandbox_requests import label_of

MARKET = 'own:perp:A%s-\u00e9"B'
MOST = OPEN_INTEREST.limit_maximum
BASE = 1_777_593_600_000_000  # 2026-05-01T00:00:00Z, a boundary of every interval

amounts = st.sampled_from(["0", "7", "12483.50", "12483.00", "0.000000000000000001", "9" * 38]) | st.decimals(
    min_value=0, max_value=10**9, places=3
).map("{:f}".format)


def instants(width: int) -> st.SearchStrategy[int]:
    """Instants around a dozen buckets, at their boundaries more often than not."""
    offsets = st.sampled_from([0, 1, width - 1, width // 2, 60_000_000]) | st.integers(0, width - 1)
    return st.builds(lambda bucket, offset: BASE + bucket * width + offset, st.integers(0, 11), offsets)


@st.composite
def histories_and_queries(draw: st.DrawFn) -> tuple[list[Sample], Query]:
    interval: Interval = draw(st.sampled_from(OPEN_INTEREST.intervals))
    moments = instants(WIDTHS[interval])
    samples = draw(st.lists(st.tuples(moments, amounts, amounts), min_size=1, max_size=25))
    start, end = sorted(draw(st.tuples(moments, moments)))
    end = min(max(end, start + 1), start + OPEN_INTEREST.window_cap)
    return samples, Query(interval, start, end, draw(st.sampled_from([1, 2, 3, MOST])))


readings = st.lists(st.sampled_from(sorted(READINGS)), max_size=6).map(
    lambda names: reading_named({READINGS[name].field: name for name in names}.values())
)


DATABASE = connect()  # shared: a new one for each example would take most of the time


def history_of(samples: list[Sample]) -> MarketHistory:
    types = ("BIGINT", "VARCHAR", "VARCHAR")
    source = Source(MARKET, "file", "", lambda connection, table: insert(connection, table, samples, types))
    return Samples(DATABASE, [source]).history(MARKET)


def expected(samples: list[Sample], query: Query, reading: Reading) -> list[Row]:
    """The rows according to the text of `readings`, bucket by bucket."""
    at = {t: (base, quote) for t, base, quote in samples}  # a repeated instant: the later one wins
    width, stop = query.width, query.end + reading.end_inclusive
    by_samples = reading.cut == "samples"
    rows: list[Row] = []
    for start in range(BASE - 10 * width, BASE + 30 * width, width):
        label = start + width if reading.label == "end" else start
        lo, hi = start, start + width
        if by_samples:
            lo, hi = max(lo, query.start), min(hi, stop)
            is_selected = lo < hi
        else:
            around = start <= query.start < start + width and reading.label == "start"
            is_selected = query.start <= label < stop or (reading.start_bucket and around)
        inside = [t for t in at if lo <= t < hi]
        carried = [t for t in at if t < hi] if reading.empty == "carried" and start <= max(at) else []
        if is_selected and (inside or carried):
            rows.append((start, *at[max(inside or carried)]))
    rows = rows[-query.limit :] if reading.keep == "latest" else rows[: query.limit]
    return rows[::-1] if reading.order == "descending" else rows


@given(histories_and_queries(), st.lists(readings, min_size=1, max_size=4))
def test_rows_follow_the_definitions(case: tuple[list[Sample], Query], several: list[Reading]) -> None:
    samples, query = case
    history = history_of(samples)
    for reading in (Reading(), *several):
        assert select(query, reading, history) == expected(samples, query, reading)


def test_bucket_of_two_eras_has_one_row() -> None:
    length = 26 * MINUTE
    samples = {era: [(era * length, f"{era}", "0"), ((era + 1) * length - 1, "9", "9")] for era in range(4)}

    def fill(connection: object, table: str, era: int) -> None:
        insert(connection, table, samples[era], ("BIGINT", "VARCHAR", "VARCHAR"))

    with closing(DATABASE.cursor()) as connection:
        source = Source(MARKET, "synthetic", "", Eras(0, length, fill))
        history = Samples(connection, [source], now=lambda: 4 * length).history(MARKET)
        rows = history.last_per_bucket(5 * MINUTE, Span(0, 60 * MINUTE))
    assert [(start // MINUTE, base) for start, base, _ in rows] == [(0, "0"), (25, "1"), (50, "2")]


@given(histories_and_queries(), readings, st.sampled_from([(5, 0), (5, 1), (100, 0)]), st.data())
def test_growing_history_has_what_is_past(
    case: tuple[list[Sample], Query], reading: Reading, size: tuple[int, int], data: st.DataObject
) -> None:
    samples, query = case
    # Whole buckets and minutes: a bucket may belong to two eras.
    length = size[0] * query.width + size[1] * MINUTE
    now = data.draw(st.sampled_from([sample[0] for sample in samples]).map(lambda t: t + 1) | instants(query.width))
    first, last = min(samples)[0] // length, max(now, *(sample[0] for sample in samples)) // length
    # Every era begins with a sample.
    samples = [*((era * length, "1", "2") for era in range(first, last + 1)), *samples]

    def fill(connection: object, table: str, era: int) -> None:
        rows = [sample for sample in samples if sample[0] // length == first + era]
        insert(connection, table, rows, ("BIGINT", "VARCHAR", "VARCHAR"))

    source = Source(MARKET, "synthetic", "", Eras(first * length, length, fill))
    with closing(DATABASE.cursor()) as connection:
        history = Samples(connection, [source], now=lambda: now).history(MARKET)
        past = [sample for sample in samples if sample[0] < now]
        rows = select(query, reading, history)
        assert rows == (expected(past, query, reading) if past else [])
        assert respond(MARKET, query, reading, history) == render(MARKET, rows, query.width, reading)


@given(histories_and_queries(), readings)
def test_response_has_those_rows(case: tuple[list[Sample], Query], reading: Reading) -> None:
    samples, query = case
    history = history_of(samples)
    body = respond(MARKET, query, reading, history)
    # The database writes the JSON of most responses: the same bytes as the Python code.
    assert body == render(MARKET, select(query, reading, history), query.width, reading)
    items = json.loads(body)[OPEN_INTEREST.items_field]
    shift = query.width if reading.label == "end" else 0
    rows = expected(samples, query, reading)
    assert [label_of(item) - shift for item in items] == [start for start, _, _ in rows]
    assert {item[OPEN_INTEREST.market_field] for item in items} <= {MARKET}
    for item, (_, base, quote) in zip(items, rows, strict=True):
        sent = [item[field.name] for field in OPEN_INTEREST.decimals]
        assert list(map(Decimal, sent)) == [Decimal(base), Decimal(quote)]
        if reading.decimals == "stored":
            assert sent == [base, quote]


@given(histories_and_queries())
def test_two_half_windows_give_the_whole(case: tuple[list[Sample], Query]) -> None:
    samples, query = case
    query = replace(query, limit=MOST)
    middle = query.start + (query.end - query.start) // 2
    if middle == query.start:
        return
    history = history_of(samples)
    halves = (replace(query, end=middle), replace(query, start=middle))
    whole = select(query, Reading(), history)
    assert [row for half in halves for row in select(half, Reading(), history)] == whole


@given(histories_and_queries(), readings)
def test_limit_keeps_one_end_of_all_rows(case: tuple[list[Sample], Query], reading: Reading) -> None:
    samples, query = case
    history = history_of(samples)
    everything = sorted(select(replace(query, limit=MOST), reading, history))
    few = sorted(select(query, reading, history))
    assert few == (everything[-query.limit :] if reading.keep == "latest" else everything[: query.limit])


@given(amounts, st.sampled_from(sorted(DECIMALS)))
def test_readings_change_no_number(text: str, name: Any) -> None:
    assert Decimal(DECIMALS[name](text)) == Decimal(text)

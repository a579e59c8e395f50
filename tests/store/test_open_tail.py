"""The live edge: rows that the server does not have yet stay open, and what comes late is no restatement."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.model.intervals import HOUR
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, backfill, recheck_gaps, update
from allium_market_data.store.fetch import confirmed_until
from allium_market_data.validation import to_instant
from support.exchange import BTC, Exchange
from support.tables import final_values, restatements

START = "2026-05-10"
MINUTE = HOUR // 60


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    """A table of one market up to the last closed bucket; the server has a sample each ten minutes, and more to come."""
    exchange.fill(BTC, START, "2026-06-05", 10 * MINUTE)
    backfill(BTC, "1h", START, "2026-05-20T10:00", table, client=client)
    return exchange


def assert_equals_history(exchange: Exchange, client: MarketData, table: Path) -> None:
    """The table has every closed bucket of the server, each at its final value, and no restatement."""
    end = exchange.now.replace(minute=0)
    history = client.open_interest(BTC, interval="1h", start=START, end=end)
    assert final_values(table) == {row.ts: (row.oi_base, row.oi_quote_usd) for row in history}
    assert Table(table).series(BTC, "1h", START, end).columns.ts[-1] == end - timedelta(hours=1)
    assert not restatements(table)


@given(st.integers(0, 30), st.integers(0, 30), st.sets(st.integers(0, 40)), st.integers(-5, 40))
def test_buckets_are_confirmed_by_a_later_row_or_by_time(start: int, length: int, rows: set[int], settled: int) -> None:
    labels = [from_micros(row * HOUR) for row in sorted(rows) if row >= start]
    end = confirmed_until((start * HOUR, (start + length) * HOUR), labels, settled * HOUR)
    for bucket in range(start, start + length):
        is_confirmed = bucket < settled or any(micros(label) > bucket * HOUR for label in labels)
        assert is_confirmed == (bucket * HOUR < end)


def test_ninety_minutes_of_lag(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.lag = timedelta(minutes=90)
    late = 0
    for _ in range(24):
        filled.wait(hours=1)
        result = update(table, client=client)
        late += result.late
        assert result.restated == 0
    with pytest.raises(StoreError, match="is not complete"):
        Table(table).series(BTC, "1h", filled.now - timedelta(hours=4), filled.now)
    filled.lag = timedelta(0)
    update(table, client=client)
    assert_equals_history(filled, client, table)
    assert late == 0, "what is not there yet is open, so nothing is late"


@pytest.mark.parametrize("provisional", [False, True])
def test_an_outage_of_72_hours(filled: Exchange, client: MarketData, table: Path, provisional: bool) -> None:
    filled.wait(minutes=15)
    filled.arrived = filled.now
    for _ in range(12):
        filled.wait(hours=6)
        update(table, client=client, provisional=provisional)
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(filled.arrived.replace(minute=0))
    filled.arrived = None
    update(table, client=client)
    assert_equals_history(filled, client, table)


@pytest.mark.parametrize("days", [365, -365])
def test_a_year_of_wrong_clock(filled: Exchange, client: MarketData, table: Path, days: int) -> None:
    filled.skew = timedelta(days=days)
    for _ in range(3):
        filled.wait(hours=6)
        with pytest.raises(StoreError, match="set the clock"):
            update(table, client=client)
    filled.skew = timedelta(0)
    update(table, client=client)
    assert_equals_history(filled, client, table)


def test_a_market_without_new_rows_settles_in_time(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.arrived = filled.now
    filled.wait(days=3)
    update(table, client=client, settle=timedelta(days=1))
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2026-05-22T10:00", "end"))
    assert len(Table(table).series(BTC, "1h", START, "2026-05-22T10:00")) == 10 * 24 + 11
    filled.arrived = None
    result = update(table, client=client, look_back=timedelta(days=3))
    assert (result.late, result.restated) == (47, 1), "the newest row was cut by the outage, and settled with it"


def test_a_backfill_leaves_the_tail_open(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, START, "2026-05-25", 10 * MINUTE)
    exchange.lag = timedelta(minutes=90)
    backfill(BTC, "1h", START, "2026-05-20T10:00", table, client=client)
    assert Table(table).coverage.end_of(("1h", BTC)) == micros(to_instant("2026-05-20T08:00", "end"))
    exchange.lag = timedelta(0)
    backfill(BTC, "1h", START, "2026-05-20T10:00", table, client=client)
    assert_equals_history(exchange, client, table)


def test_gaps_that_fill_later_are_found_by_a_recheck(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-03-01", "2026-05-25")
    gone = {
        hour: exchange.samples[BTC].pop(micros(to_instant(hour, "at")))
        for hour in ("2026-03-04T05:00", "2026-03-05T06:00")
    }
    exchange.remove(BTC, "2026-04-04T05:00")
    span = "2026-03-01", "2026-05-20T10:00"
    backfill(BTC, "1h", *span, table, client=client)
    for hour, values in gone.items():
        exchange.put(BTC, hour, *values)
    assert backfill(BTC, "1h", *span, table, client=client).tasks == 0
    assert update(table, client=client).late == 0, "beyond the look-back"
    tasks: list[int] = []
    result = recheck_gaps(BTC, "1h", *span, table, client=client, progress=lambda state: tasks.append(state.tasks))
    assert (result.late, result.restated, tasks[0]) == (2, 0, 2)
    assert final_values(table) == exchange.values(*span)
    assert not restatements(table)
    assert recheck_gaps(BTC, "1h", *span, table, client=client).written == 0


def test_settle_is_not_negative(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=1)
    with pytest.raises(UsageError, match="settle"):
        update(table, client=client, settle=timedelta(days=-1))

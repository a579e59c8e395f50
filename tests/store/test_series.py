"""From the table back to a series: what a fetch would give, or an error; and the analysis on top of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allium_market_data import MarketData, OpenInterestSeries, align, totals
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.model.intervals import WIDTHS
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, backfill, update
from allium_market_data.store.merge import Look, amend
from allium_market_data.store.plan import Task
from support.exchange import BTC, ETH, Exchange
from support.sample_series import START, columns, series
from support.strategies import plain_decimals

SPAN = "2026-05-01", "2026-05-12"


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-28", "2026-05-25")
    for lost in ("2026-05-02T03:00", "2026-05-11T22:00", "2026-05-11T23:00"):
        exchange.take(BTC, lost)
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    return exchange


def test_a_series_of_the_table_is_the_one_that_a_fetch_gives(filled: Exchange, client: MarketData, table: Path) -> None:
    store = Table(table)
    for market in (BTC, ETH):
        read = store.series(market, "1h", *SPAN)
        fetched = client.open_interest(market, interval="1h", start=SPAN[0], end=SPAN[1])
        assert read == fetched
        assert read.gaps() == fetched.gaps()
        assert read.provenance.specification == fetched.provenance.specification
    part = "2026-05-02T02:30", "2026-05-09T00:10"
    assert store.series(BTC, "1h", *part) == client.open_interest(BTC, interval="1h", start=part[0], end=part[1])


def test_analysis_works_on_what_was_read(filled: Exchange, client: MarketData, table: Path) -> None:
    btc, eth = (Table(table).series(market, "1h", *SPAN) for market in (BTC, ETH))
    assert btc.resample("4h") == client.open_interest(BTC, interval="4h", start=SPAN[0], end=SPAN[1])
    assert len(btc.densify(fill="last")) == 11 * 24 == len(btc) + 3
    assert align(btc, eth).to_arrow().num_rows == 11 * 24
    fetched = client.open_interest([BTC, ETH], interval="1h", start=SPAN[0], end=SPAN[1]).values()
    assert totals(btc, eth, missing="skip") == totals(*fetched, missing="skip")
    assert btc.implied_price()[0] == btc[0].oi_quote_usd / btc[0].oi_base


@pytest.mark.parametrize(
    ("start", "end", "lacks"),
    [
        ("2026-04-30", "2026-05-12", "2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z"),
        ("2026-05-11", "2026-05-12T00:01", "2026-05-12T00:00:00Z to 2026-05-12T01:00:00Z"),
        ("2026-04-30", "2026-05-13", "2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z, and more"),
    ],
)
def test_what_is_not_complete_is_an_error_that_says_what_lacks(
    filled: Exchange, table: Path, start: str, end: str, lacks: str
) -> None:
    with pytest.raises(StoreError, match=f"lacks {lacks}; allium-md backfill"):
        Table(table).series(BTC, "1h", start, end)


def test_provisional_rows_are_in_no_complete_window(filled: Exchange, client: MarketData, table: Path) -> None:
    update(table, client=client, provisional=True)
    assert len(Table(table).series(BTC, "1h", "2026-05-13", "2026-05-20T10:00")) == 7 * 24 + 10
    with pytest.raises(StoreError, match="2026-05-20T10:00:00Z to 2026-05-20T11:00:00Z"):
        Table(table).series(BTC, "1h", "2026-05-13", "2026-05-20T11:00")


def test_a_market_or_interval_that_is_not_there_is_told(filled: Exchange, table: Path) -> None:
    with pytest.raises(StoreError, match="no:perp:SUCH 1h lacks"):
        Table(table).series("no:perp:SUCH", "1h", *SPAN)
    with pytest.raises(StoreError, match="4h lacks"):
        Table(table).series(BTC, "4h", *SPAN)
    with pytest.raises(UsageError, match="unknown interval"):
        Table(table).series(BTC, "2h", *SPAN)  # type: ignore[arg-type]


def test_rows_selected_by_an_engine_become_the_series_too(filled: Exchange, client: MarketData, table: Path) -> None:
    rows = DeltaTable(table).to_pyarrow_table()
    read = OpenInterestSeries.from_frame(rows, market_id=BTC, start=SPAN[0], end=SPAN[1])
    assert read == client.open_interest(BTC, interval="1h", start=SPAN[0], end=SPAN[1])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_what_goes_into_the_table_comes_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    buckets = sorted(data.draw(st.sets(st.integers(0, 40), max_size=12)))
    texts = [data.draw(plain_decimals().map(lambda text: text[:30])) for _ in range(2 * len(buckets))]
    short = [text if len(text.partition(".")[2]) <= 18 else text.partition(".")[0] for text in texts]
    made = columns(buckets, short[::2], short[1::2], interval="1h")
    before = series(made, 0, 41, interval="1h")
    table = Table(tmp_path_factory.mktemp("round") / "oi", create=True)
    width, first = WIDTHS["1h"], micros(START)
    amend(table, [Look.of(Task(("1h", before.market_id), (first, first + 41 * width)), before)])
    table.refresh()
    after = table.series(before.market_id, "1h", START, from_micros(first + 41 * width))
    assert after == before
    assert after.gaps() == before.gaps()

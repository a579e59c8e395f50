"""A series read from the table equals the one that a fetch returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData, OpenInterestSeries, align, totals
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.model.intervals import WIDTHS
from allium_market_data.model.times import from_micros, micros
from allium_market_data.store import Table, backfill, update
from allium_market_data.store.merge import FetchedRows, merge_rows
from allium_market_data.store.plan import Task
from support.budget import examples
from support.exchange import BTC, ETH, Exchange
from support.sample_series import START, columns, series
from support.strategies import plain_decimals

SPAN = "2026-05-01", "2026-05-12"


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-28", "2026-05-25")
    for label in ("2026-05-02T03:00", "2026-05-11T22:00", "2026-05-11T23:00"):
        exchange.remove(BTC, label)
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    return exchange


def test_a_stored_series_equals_a_fetched_one(filled: Exchange, client: MarketData, table: Path) -> None:
    store = Table(table)
    for market in (BTC, ETH):
        stored = store.series(market, "1h", *SPAN)
        fetched = client.open_interest(market, interval="1h", start=SPAN[0], end=SPAN[1])
        assert stored == fetched
        assert stored.gaps() == fetched.gaps()
        assert stored.provenance.specification == fetched.provenance.specification
    part = "2026-05-02T02:30", "2026-05-09T00:10"
    assert store.series(BTC, "1h", *part) == client.open_interest(BTC, interval="1h", start=part[0], end=part[1])


def test_a_stored_series_can_be_analysed(filled: Exchange, client: MarketData, table: Path) -> None:
    btc, eth = (Table(table).series(market, "1h", *SPAN) for market in (BTC, ETH))
    assert btc.resample("4h") == client.open_interest(BTC, interval="4h", start=SPAN[0], end=SPAN[1])
    assert len(btc.densify(fill="last")) == 11 * 24 == len(btc) + 3
    assert align(btc, eth).to_arrow().num_rows == 11 * 24
    fetched = client.open_interest([BTC, ETH], interval="1h", start=SPAN[0], end=SPAN[1]).values()
    assert totals(btc, eth, missing="skip") == totals(*fetched, missing="skip")


@pytest.mark.parametrize(
    ("start", "end", "missing"),
    [
        ("2026-04-30", "2026-05-12", "2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z"),
        ("2026-05-11", "2026-05-12T00:01", "2026-05-12T00:00:00Z to 2026-05-12T01:00:00Z"),
        ("2026-04-30", "2026-05-13", "2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z, and more"),
    ],
)
def test_a_span_that_is_not_complete_is_an_error(
    filled: Exchange, table: Path, start: str, end: str, missing: str
) -> None:
    with pytest.raises(StoreError, match=f"is missing {missing}; .* run allium-md (backfill|update)"):
        Table(table).series(BTC, "1h", start, end)


def test_provisional_rows_are_not_complete(filled: Exchange, client: MarketData, table: Path) -> None:
    update(table, client=client, provisional=True)
    assert len(Table(table).series(BTC, "1h", "2026-05-13", "2026-05-20T10:00")) == 7 * 24 + 10
    with pytest.raises(StoreError, match="2026-05-20T10:00:00Z to 2026-05-20T11:00:00Z"):
        Table(table).series(BTC, "1h", "2026-05-13", "2026-05-20T11:00")


def test_an_unknown_series_is_an_error(filled: Exchange, table: Path) -> None:
    with pytest.raises(StoreError, match="no:perp:SUCH 1h is missing"):
        Table(table).series("no:perp:SUCH", "1h", *SPAN)
    with pytest.raises(StoreError, match="4h is missing"):
        Table(table).series(BTC, "4h", *SPAN)
    with pytest.raises(UsageError, match="unknown interval"):
        Table(table).series(BTC, "2h", *SPAN)  # type: ignore[arg-type]


def test_rows_read_by_an_engine_become_the_same_series(filled: Exchange, client: MarketData, table: Path) -> None:
    rows = DeltaTable(table).to_pyarrow_table()
    restored = OpenInterestSeries.from_frame(rows, market_id=BTC, start=SPAN[0], end=SPAN[1])
    assert restored == client.open_interest(BTC, interval="1h", start=SPAN[0], end=SPAN[1])


@examples(12)  # each writes a table
@given(st.data())
def test_a_written_series_is_read_back_unchanged(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    buckets = sorted(data.draw(st.sets(st.integers(0, 40), max_size=12)))
    texts = [data.draw(plain_decimals().map(lambda text: text[:30])) for _ in range(2 * len(buckets))]
    short = [text if len(text.partition(".")[2]) <= 18 else text.partition(".")[0] for text in texts]
    before = series(columns(buckets, short[::2], short[1::2], interval="1h"), 0, 41, interval="1h")
    table = Table(tmp_path_factory.mktemp("round") / "oi", create=True)
    first, last = micros(START), micros(START) + 41 * WIDTHS["1h"]
    merge_rows(table, [FetchedRows.of(Task(("1h", before.market_id), (first, last)), before)])
    table.refresh()
    after = table.series(before.market_id, "1h", START, from_micros(last))
    assert after == before
    assert after.gaps() == before.gaps()

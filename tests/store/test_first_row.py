"""Years before a market's listing cost a few requests; nothing is called complete that was not fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.errors import ServerError, StoreError
from allium_market_data.model.intervals import DAY, HOUR
from allium_market_data.model.times import from_micros, micros, to_iso
from allium_market_data.store import Table, backfill, forget
from allium_market_data.store.coverage import CommitNote, Coverage, SeriesKey, encode, replay
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.failing import fail
from support.tables import final_values

YEARS = "2023-01-01", "2026-05-20"
SPAN = "2025-07-01", "2026-05-20"
LISTED = "2026-05-18"
KEY: SeriesKey = ("1h", BTC)
ATTEMPTS = 2


@pytest.fixture
def listed(exchange: Exchange) -> Exchange:
    exchange.fill(BTC, LISTED, "2026-05-20T11:00")
    return exchange


def test_48_rows_after_years_without_any_cost_a_few_requests(listed: Exchange, client: MarketData, table: Path) -> None:
    progress = backfill(BTC, "1h", *YEARS, table, client=client)
    assert progress.rows == 48
    assert progress.planned <= 2
    assert listed.request_count == progress.requests <= 30
    assert final_values(table) == listed.values(*YEARS)


def test_a_repeated_backfill_searches_nothing(listed: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    before = listed.request_count
    assert backfill(BTC, "1h", *SPAN, table, client=client).tasks == 0
    assert backfill(BTC, "1h", "2021-01-01", SPAN[1], table, client=client).tasks == 0
    assert listed.request_count == before


def test_what_was_left_out_is_not_complete(listed: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert len(Table(table).series(BTC, "1h", LISTED, SPAN[1])) == 48
    with pytest.raises(StoreError, match=r"first row at about 2026-05-1.*--whole-span"):
        Table(table).series(BTC, "1h", *SPAN)


@pytest.mark.parametrize(("start", "end"), [("2025-07-08", "2025-08-01"), ("2025-11-01", "2026-02-01")])
def test_the_whole_span_finds_an_earlier_listing(
    listed: Exchange, client: MarketData, table: Path, start: str, end: str
) -> None:
    listed.fill(BTC, start, end, DAY)
    backfill(BTC, "1h", *SPAN, table, client=client)
    backfill(BTC, "1h", *SPAN, table, client=client, whole_span=True)
    assert final_values(table) == listed.values(*SPAN)
    assert len(Table(table).series(BTC, "1h", *SPAN)) == len(listed.values(*SPAN))


def test_a_market_without_rows_at_the_end_is_fetched_in_full(
    exchange: Exchange, client: MarketData, table: Path
) -> None:
    exchange.fill(BTC, "2025-08-01", "2025-08-11", DAY)
    assert backfill(BTC, "1h", *SPAN, table, client=client).rows == 10
    assert len(Table(table).series(BTC, "1h", SPAN[0], "2026-05-01")) == 10


def test_an_unknown_market_fails_alone(listed: Exchange, client: MarketData, table: Path) -> None:
    progress = backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    assert [failure.key for failure in progress.failures] == [("1h", ETH)]
    assert final_values(table) == listed.values(*SPAN)


def test_a_market_that_answers_5xx_fails_alone(listed: Exchange, client: MarketData, table: Path) -> None:
    listed.fill(ETH, LISTED, "2026-05-20T11:00")
    failing = fail(listed, [ETH])
    progress = backfill([ETH, BTC], "1h", *SPAN, table, client=client)
    assert [(failure.key, type(failure.error)) for failure in progress.failures] == [(("1h", ETH), ServerError)]
    assert final_values(table) == listed.values(*SPAN)
    assert listed.request_count <= 30, "the first row of the other market was not searched"
    assert len(failing.requests) <= 8 * ATTEMPTS


def test_a_server_that_answers_5xx_ends_the_search(listed: Exchange, client: MarketData, table: Path) -> None:
    markets = [BTC, *(f"hl:perp:M{number}-USDC" for number in range(9))]
    failing = fail(listed, markets)
    with pytest.raises(ServerError):
        backfill(markets, "1h", *SPAN, table, client=client)
    assert len(failing.requests) == 4 * ATTEMPTS  # of all at once, then of three markets alone


def test_a_forgotten_window_before_the_first_row_is_searched_again(
    listed: Exchange, client: MarketData, table: Path
) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    first = Table(table).coverage.first[KEY]
    listed.fill(BTC, "2025-09-01", "2026-05-06", DAY)
    backfill(BTC, "1h", "2025-07-01", "2025-07-08", table, client=client, whole_span=True)
    forget(table, BTC, "2025-07-01", "2025-07-02")
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert Table(table).coverage.first[KEY] < first
    assert final_values(table) == listed.values(*SPAN)


def test_a_search_counts_towards_the_budget(listed: Exchange, client: MarketData, table: Path) -> None:
    progress = backfill(BTC, "1h", *SPAN, table, client=client, max_requests=40)
    assert (progress.rows, progress.requests) == (48, listed.request_count)


@given(listing=st.integers(1, 1200 * 24))
def test_no_row_is_missed_wherever_the_first_one_is(listing: int) -> None:
    """The search on a model of a server: rows of each bucket from the listing on."""
    from allium_market_data.store import first_row
    from support.first_rows import ListedClient

    start = micros(to_instant(YEARS[0], "start"))
    span = start, start + 1235 * DAY
    listed = start + listing * HOUR
    found, requests = ListedClient(listed).search(("1h", BTC), span)
    assert found is None or listed - 12 * DAY <= found <= listed, to_iso(from_micros(listed))
    assert found is not None or listed < start + 8 * DAY
    assert requests <= first_row.LONG_PLAN // 2


def test_the_first_row_survives_the_log() -> None:
    note = CommitNote(first={("1h", BTC): 5})
    assert replay(Coverage(), [{"allium_md": encode(note)}]).first == note.first

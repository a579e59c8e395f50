"""Updates: new rows, provisional rows that settle, and values that changed on the server."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from allium_market_data import MarketData
from allium_market_data.errors import BudgetError, NotFoundError, PrecisionError, StoreError, UsageError
from allium_market_data.model.times import micros
from allium_market_data.store import Table, UpdateResult, backfill, update
from allium_market_data.store.merge import FetchedRows, merge_rows
from allium_market_data.store.plan import Task
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.tables import all_rows, final_values, restatements, run_together

START = "2026-05-10"
SPAN = START, "2026-05-20T10:00"


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    """A table of two markets up to the last closed bucket; the server has more."""
    for market in (BTC, ETH):
        exchange.fill(market, START, "2026-05-25")
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    return exchange


def test_every_market_is_updated_to_its_last_closed_bucket(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=50)
    result = update(table, client=client)
    assert result == UpdateResult(added=100, requests=result.requests)
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(START, "2026-05-22T12:00", market)
    assert not restatements(table)


def test_all_markets_are_updated_in_one_commit(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=3)
    before = Table(table).delta.version()
    update(table, client=client)
    assert Table(table).delta.version() == before + 1


def test_an_update_without_news_commits_nothing(filled: Exchange, client: MarketData, table: Path) -> None:
    before = Table(table).delta.version()
    assert update(table, client=client) == UpdateResult(requests=2)
    assert Table(table).delta.version() == before


def test_only_requested_markets_are_updated(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=1)
    assert update(table, markets=[ETH], client=client).added == 1
    with pytest.raises(StoreError, match="has no no:perp:SUCH: add markets with allium-md backfill"):
        update(table, markets=["no:perp:SUCH"], client=client)


def test_the_running_bucket_is_fetched_until_it_is_settled(filled: Exchange, client: MarketData, table: Path) -> None:
    at = "2026-05-20T10:00"
    assert update(table, client=client, provisional=True).added == 2
    assert [row["provisional"] for row in all_rows(table) if row["ts"] == to_instant(at, "at")] == [True, True]
    assert update(table, client=client, provisional=True) == UpdateResult(requests=2), "the same value again"
    filled.put(BTC, "2026-05-20T10:25", "7")
    filled.wait(minutes=10)
    assert update(table, client=client).settled == 0, "left alone without provisional=True"
    assert update(table, client=client, provisional=True).settled == 1, "the running bucket has another value"
    filled.wait(hours=1)
    assert update(table, client=client) == UpdateResult(settled=2, requests=2)
    assert final_values(table)[to_instant(at, "at")] == (Decimal(7), Decimal(1))
    assert not any(row["provisional"] for row in all_rows(table))
    assert not restatements(table), "a provisional value may change"


def test_provisional_rows_are_fetched_again_without_look_back(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    update(table, client=client, provisional=True)
    filled.wait(hours=5)
    update(table, client=client, look_back=timedelta(0))
    assert final_values(table) == filled.values(START, "2026-05-20T15:00")
    assert not Table(table).coverage.provisional


@pytest.mark.parametrize("through", [update, backfill])
def test_a_provisional_row_that_the_server_drops_is_deleted(
    filled: Exchange, client: MarketData, table: Path, through: Any
) -> None:
    update(table, client=client, provisional=True)
    filled.remove(BTC, "2026-05-20T10:00")
    filled.wait(hours=2)
    if through is update:
        result = update(table, client=client, markets=[BTC])
        assert (result.added, result.settled, result.dropped, result.vanished) == (1, 0, 1, 0)
    else:
        backfill(BTC, "1h", START, "2026-05-21", table, client=client)
    labels = [row["ts"] for row in all_rows(table) if row["market_id"] == BTC]
    assert labels == sorted(filled.values(START, "2026-05-20T12:00"))
    assert ("1h", BTC) not in Table(table).coverage.provisional
    assert [row["provisional"] for row in all_rows(table) if row["market_id"] == ETH][-1], (
        "the other market was not fetched"
    )


def test_a_changed_value_is_replaced_and_recorded_as_restatement(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    at, then = to_instant("2026-05-19T05:00", "at"), all_rows(table)[0]["fetched_at"]
    old = final_values(table)[at]
    filled.put(BTC, "2026-05-19T05:00", "123.000000000000000001", "9")
    filled.wait(hours=1)
    result = update(table, client=client)
    assert (result.added, result.restated) == (2, 1)
    assert final_values(table)[at] == (Decimal("123.000000000000000001"), Decimal(9))
    assert final_values(table) == filled.values(START, "2026-05-20T11:00")
    assert restatements(table) == [
        {
            "market_id": BTC,
            "interval": "1h",
            "month": "2026-05",
            "ts": at,
            "old_oi_base": old[0],
            "new_oi_base": Decimal("123.000000000000000001"),
            "old_oi_quote_usd": old[1],
            "new_oi_quote_usd": Decimal(9),
            "old_fetched_at": then,
            "new_fetched_at": filled.now,
        }
    ]
    assert update(table, client=client).restated == 0
    filled.put(BTC, "2026-05-19T05:00", "124", "9")
    update(table, client=client)
    assert [row["new_oi_base"] for row in restatements(table)] == [Decimal("123.000000000000000001"), 124]


def test_look_back_limits_what_is_fetched_again(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.put(BTC, "2026-05-12T05:00", "1")
    assert update(table, client=client).restated == 0
    assert update(table, client=client, look_back=timedelta(days=9)).restated == 1


def test_look_back_skips_gaps(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=30)
    backfill([BTC], "1h", "2026-05-21", "2026-05-22", table, client=client)
    filled.put(BTC, "2026-05-20T05:00", "1")
    assert update(table, client=client, markets=[BTC]).restated == 1
    assert len(Table(table).coverage.complete["1h", BTC]) == 2, "the gap is for a backfill"


def test_final_rows_that_vanish_from_the_server_stay(filled: Exchange, client: MarketData, table: Path) -> None:
    before = final_values(table)
    filled.remove(BTC, "2026-05-19T05:00")
    filled.remove(ETH, "2026-05-19T04:00")
    assert update(table, client=client) == UpdateResult(vanished=2, requests=2)
    assert final_values(table) == before


def test_a_late_row_is_added_and_is_not_a_restatement(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, START, "2026-05-25")
    exchange.remove(BTC, "2026-05-19T05:00")
    backfill(BTC, "1h", *SPAN, table, client=client)
    exchange.put(BTC, "2026-05-19T05:00", "3", "4")
    result = update(table, client=client)
    assert (result.late, result.restated, result.written) == (1, 0, 1)
    assert not restatements(table)
    assert final_values(table) == exchange.values(*SPAN)


def test_a_market_that_vanishes_keeps_its_rows_and_is_an_error(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    before = final_values(table, BTC)
    del filled.samples[BTC]
    filled.wait(hours=2)
    [failure] = update(table, client=client).failures
    assert (failure.key, type(failure.error)) == (("1h", BTC), NotFoundError)
    assert BTC in str(failure)
    assert final_values(table, BTC) == before
    assert final_values(table, ETH) == filled.values(START, "2026-05-20T12:00", ETH)


def test_a_value_that_does_not_fit_changes_nothing(filled: Exchange, client: MarketData, table: Path) -> None:
    before = final_values(table, BTC)
    filled.put(BTC, "2026-05-20T10:00", "0." + "1" * 19)
    filled.wait(hours=2)
    [failure] = update(table, client=client).failures
    assert isinstance(failure.error, PrecisionError)
    assert "2026-05-20T10:00:00Z" in str(failure)
    assert final_values(table, BTC) == before
    assert final_values(table, ETH) == filled.values(START, "2026-05-20T12:00", ETH)


def test_excluded_markets_are_not_requested(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=1)
    assert update(table, exclude=[BTC], client=client).added == 1
    with pytest.raises(StoreError, match="has no a, b"):
        update(table, exclude=["a", "b"], client=client)


def test_bad_markets_starve_no_other(exchange: Exchange, client: MarketData, table: Path) -> None:
    markets = [f"m:perp:{index:02}" for index in range(60)]
    for market in markets:
        exchange.fill(market, START, "2026-05-25")
    backfill(markets, "1h", *SPAN, table, client=client)
    exchange.put(markets[0], "2026-05-20T10:00", "0." + "1" * 19)
    del exchange.samples[markets[7]]
    exchange.wait(hours=2)
    result = update(table, client=client)
    assert sorted(failure.key[1] for failure in result.failures) == [markets[0], markets[7]]
    assert result.added == 58 * 2


def test_the_series_furthest_behind_comes_first(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=4)
    update(table, markets=[BTC], client=client)
    with pytest.raises(BudgetError):
        update(table, client=client, max_requests=1)
    assert final_values(table, ETH) == filled.values(START, "2026-05-20T14:00", ETH)


def test_an_update_that_spends_its_budget_is_resumed(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=2)
    before = filled.request_count
    with pytest.raises(BudgetError):
        update(table, client=client, max_requests=1)
    assert filled.request_count <= before + 1
    update(table, client=client)
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(START, "2026-05-20T12:00", market)


def test_a_crash_between_restatement_and_row_records_it_once(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.put(BTC, "2026-05-19T05:00", "1")
    with monkeypatch.context() as patch:
        patch.setattr(Table, "write", lambda *_, **__: (_ for _ in ()).throw(StoreError("crash")))
        with pytest.raises(StoreError, match="crash"):
            update(table, client=client)
    assert len(restatements(table)) == 1
    assert final_values(table)[to_instant("2026-05-19T05:00", "at")][0] != 1
    filled.wait(minutes=1)
    assert update(table, client=client).restated == 1
    assert len(restatements(table)) == 1
    assert final_values(table)[to_instant("2026-05-19T05:00", "at")][0] == 1


def test_rows_that_another_process_fetched_later_stay(filled: Exchange, client: MarketData, table: Path) -> None:
    at = to_instant("2026-05-19T05:00", "at")
    old = client.open_interest(BTC, interval="1h", start=at, end=at + timedelta(hours=1))
    filled.wait(minutes=1)
    filled.put(BTC, "2026-05-19T05:00", "1")
    update(table, client=client)
    task = Task(("1h", BTC), (micros(at), micros(at) + 3_600_000_000))
    assert merge_rows(Table(table), [FetchedRows.of(task, old)]).restated == 0
    assert final_values(table)[at][0] == 1


def test_a_negative_look_back_is_rejected(filled: Exchange, client: MarketData, table: Path) -> None:
    with pytest.raises(UsageError, match="look_back"):
        update(table, client=client, look_back=timedelta(days=-1))


def test_a_merge_reads_only_the_partitions_of_its_rows(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill([BTC, ETH], "4h", "2026-05-12", "2026-05-20", table, client=client)
    filled.put(BTC, "2026-05-19T05:00", "1")
    update(table, client=client, markets=[BTC])
    merge = next(commit for commit in DeltaTable(table).history() if commit["operation"] == "MERGE")
    metrics = merge["operationMetrics"]
    assert (metrics["num_target_files_scanned"], metrics["num_target_files_skipped_during_scan"]) == (2, 2), metrics


def test_concurrent_updates_record_each_restatement_once(filled: Exchange, table: Path) -> None:
    for hour in range(10):
        filled.put(BTC, f"2026-05-19T0{hour}:00", "1")
    run_together(*[lambda: update(table)] * 3)
    assert len(restatements(table)) == 10
    assert final_values(table) == filled.values(*SPAN)


def test_a_merge_does_not_conflict_with_another_market(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.fill("c:perp:C", START, "2026-05-25")
    filled.put(BTC, "2026-05-19T05:00", "1")
    others, write = ["c:perp:C"], Table.write

    def write_late(self: Table, *args: Any, **options: Any) -> int:
        """Another commit lands after this one has read the table and before it writes."""
        if others:
            backfill(others.pop(), "1h", START, "2026-05-20", table)
        return write(self, *args, **options)

    before = Table(table).delta.version()
    monkeypatch.setattr(Table, "write", write_late)
    assert update(table, client=client).restated == 1
    assert Table(table).delta.version() == before + 2
    assert final_values(table) == filled.values(*SPAN)
    assert final_values(table, "c:perp:C") == filled.values(START, "2026-05-20", "c:perp:C")

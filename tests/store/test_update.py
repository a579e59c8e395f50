"""Topping up: what came since, what was provisional, and what changed upstream."""

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
from allium_market_data.store import Amended, Table, backfill, update
from allium_market_data.store import merge as amend
from allium_market_data.store import table as table_module
from allium_market_data.store.plan import Task
from allium_market_data.validation import to_instant
from store.test_backfill import rows, three_at_once, wanted
from support.exchange import BTC, ETH, Exchange

START = "2026-05-10"
SPAN = START, "2026-05-20T10:00"


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    """Two markets, in the table up to the last closed bucket; more is to come."""
    for market in (BTC, ETH):
        exchange.fill(market, START, "2026-05-25")
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    return exchange


def stored(table: Path) -> list[dict[str, Any]]:
    found = Table(table).delta.to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: (row["market_id"], row["ts"]))


def restatements(table: Path) -> list[dict[str, Any]]:
    place = table / "_restatements"
    found = DeltaTable(place).to_pyarrow_table().to_pylist() if place.exists() else []
    return sorted(found, key=lambda row: (row["ts"], row["new_oi_base"]))


def test_every_market_is_topped_up_to_its_last_closed_bucket(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=50)
    done = update(table, client=client)
    assert done == Amended(added=100, requests=done.requests)
    for market in (BTC, ETH):
        assert rows(table, market) == wanted(filled, START, "2026-05-22T12:00", market)
    assert not restatements(table)


def test_many_markets_are_topped_up_in_one_commit(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=3)
    before = Table(table).delta.version()
    update(table, client=client)
    assert Table(table).delta.version() == before + 1


def test_nothing_new_is_no_commit(filled: Exchange, client: MarketData, table: Path) -> None:
    before = Table(table).delta.version()
    assert update(table, client=client) == Amended(requests=2)
    assert Table(table).delta.version() == before


def test_only_markets_asked_for_and_only_ones_that_are_there(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=1)
    assert update(table, markets=[ETH], client=client).added == 1
    with pytest.raises(StoreError, match=r"has no no:perp:SUCH: begin it with allium-md backfill"):
        update(table, markets=["no:perp:SUCH"], client=client)


def test_the_running_bucket_comes_when_asked_for_and_is_fetched_until_it_is_settled(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    at = "2026-05-20T10:00"
    assert update(table, client=client, provisional=True).added == 2
    assert [row["provisional"] for row in stored(table) if row["ts"] == to_instant(at, "at")] == [True, True]
    assert update(table, client=client, provisional=True) == Amended(requests=2), "the same value again"
    filled.put(BTC, "2026-05-20T10:25", "7")
    filled.wait(minutes=10)
    assert update(table, client=client).settled == 1, "another value of the running bucket"
    filled.wait(hours=1)
    assert update(table, client=client) == Amended(settled=2, requests=2)
    assert rows(table)[to_instant(at, "at")] == (7, 1)
    assert not any(row["provisional"] for row in stored(table))
    assert not restatements(table), "a provisional value that changes is no restatement"


def test_provisional_rows_are_fetched_again_however_short_the_look_back(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    update(table, client=client, provisional=True)
    filled.wait(hours=5)
    update(table, client=client, look_back=timedelta(0))
    assert rows(table) == wanted(filled, START, "2026-05-20T15:00")
    assert not Table(table).coverage.provisional


@pytest.mark.parametrize("through", [update, backfill])
def test_a_provisional_row_that_the_server_drops_goes(
    filled: Exchange, client: MarketData, table: Path, through: Any
) -> None:
    update(table, client=client, provisional=True)
    filled.take(BTC, "2026-05-20T10:00")
    filled.wait(hours=2)
    if through is update:
        done = update(table, client=client, markets=[BTC])
        assert (done.added, done.settled, done.dropped, done.vanished) == (1, 0, 1, 0)
    else:
        backfill(BTC, "1h", START, "2026-05-21", table, client=client)
    labels = [row["ts"] for row in stored(table) if row["market_id"] == BTC]
    assert labels == sorted(wanted(filled, START, "2026-05-20T12:00"))
    assert ("1h", BTC) not in Table(table).coverage.provisional
    assert [row["provisional"] for row in stored(table) if row["market_id"] == ETH][-1], "of the other nothing is known"


def test_a_value_that_changed_is_replaced_and_written_down_with_both_values_and_times(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    at, then = to_instant("2026-05-19T05:00", "at"), stored(table)[0]["fetched_at"]
    old = rows(table)[at]
    filled.put(BTC, "2026-05-19T05:00", "123.000000000000000001", "9")
    filled.wait(hours=1)
    done = update(table, client=client)
    assert (done.added, done.restated) == (2, 1)
    assert rows(table)[at] == (Decimal("123.000000000000000001"), 9)
    assert rows(table) == wanted(filled, START, "2026-05-20T11:00")
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


def test_looking_back_ends_where_it_was_told_to(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.put(BTC, "2026-05-12T05:00", "1")
    assert update(table, client=client).restated == 0
    assert update(table, client=client, look_back=timedelta(days=9)).restated == 1


def test_looking_back_leaps_over_gaps(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=30)
    backfill([BTC], "1h", "2026-05-21", "2026-05-22", table, client=client)
    filled.put(BTC, "2026-05-20T05:00", "1")
    assert update(table, client=client, markets=[BTC]).restated == 1
    assert len(Table(table).coverage.complete["1h", BTC]) == 2, "the gap is for a backfill"


def test_final_rows_that_the_server_has_no_more_stay_and_are_counted(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    before = rows(table)
    filled.take(BTC, "2026-05-19T05:00")
    filled.take(ETH, "2026-05-19T04:00")
    assert update(table, client=client) == Amended(vanished=2, requests=2)
    assert rows(table) == before


def test_a_row_that_comes_late_is_a_restatement_of_nothing(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, START, "2026-05-25")
    exchange.take(BTC, "2026-05-19T05:00")
    backfill(BTC, "1h", *SPAN, table, client=client)
    exchange.put(BTC, "2026-05-19T05:00", "3", "4")
    assert update(table, client=client).restated == 1
    [said] = restatements(table)
    assert (said["old_oi_base"], said["old_fetched_at"], said["new_oi_base"]) == (None, None, 3)
    assert rows(table) == wanted(exchange, *SPAN)


def test_a_market_that_vanished_keeps_its_rows_and_is_told_at_the_end(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    before = rows(table, BTC)
    del filled.samples[BTC]
    filled.wait(hours=2)
    with pytest.raises(NotFoundError, match=BTC):
        update(table, client=client)
    assert rows(table, BTC) == before
    assert rows(table, ETH) == wanted(filled, START, "2026-05-20T12:00", ETH)


def test_a_value_without_room_is_told_and_harms_nothing(filled: Exchange, client: MarketData, table: Path) -> None:
    before = rows(table, BTC)
    filled.put(BTC, "2026-05-20T10:00", "0." + "1" * 19)
    filled.wait(hours=2)
    with pytest.raises(PrecisionError, match=r"2026-05-20T10:00:00Z"):
        update(table, client=client)
    assert rows(table, BTC) == before


def test_a_budget_holds_and_the_next_update_goes_on(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=2)
    before = filled.asked
    with pytest.raises(BudgetError):
        update(table, client=client, max_requests=1)
    assert filled.asked <= before + 1
    update(table, client=client)
    for market in (BTC, ETH):
        assert rows(table, market) == wanted(filled, START, "2026-05-20T12:00", market)


def test_a_crash_between_a_restatement_and_its_row_writes_it_down_once(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.put(BTC, "2026-05-19T05:00", "1")
    with monkeypatch.context() as patch:
        patch.setattr(table_module.Table, "write", lambda *_, **__: (_ for _ in ()).throw(StoreError("cut")))
        with pytest.raises(StoreError, match="cut"):
            update(table, client=client)
    assert len(restatements(table)) == 1
    assert rows(table)[to_instant("2026-05-19T05:00", "at")][0] != 1
    filled.wait(minutes=1)
    assert update(table, client=client).restated == 1
    assert len(restatements(table)) == 1
    assert rows(table)[to_instant("2026-05-19T05:00", "at")][0] == 1


def test_what_another_process_fetched_later_stays(filled: Exchange, client: MarketData, table: Path) -> None:
    at = to_instant("2026-05-19T05:00", "at")
    old = client.open_interest(BTC, interval="1h", start=at, end=at + timedelta(hours=1))
    filled.wait(minutes=1)
    filled.put(BTC, "2026-05-19T05:00", "1")
    update(table, client=client)
    task = Task(("1h", BTC), (micros(at), micros(at) + 3_600_000_000))
    assert amend.amend(Table(table), [amend.Look.of(task, old)]).restated == 0
    assert rows(table)[at][0] == 1


def test_a_negative_look_back_is_refused(filled: Exchange, client: MarketData, table: Path) -> None:
    with pytest.raises(UsageError, match="look_back"):
        update(table, client=client, look_back=timedelta(days=-1))


def test_a_merge_reads_only_the_partitions_of_its_rows(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill([BTC, ETH], "4h", "2026-05-12", "2026-05-20", table, client=client)
    filled.put(BTC, "2026-05-19T05:00", "1")
    update(table, client=client, markets=[BTC])
    said = next(c for c in DeltaTable(table).history() if c["operation"] == "MERGE")["operationMetrics"]
    assert (said["num_target_files_scanned"], said["num_target_files_skipped_during_scan"]) == (2, 2), said


def test_two_updates_at_once_write_each_restatement_once(filled: Exchange, table: Path) -> None:
    for hour in range(10):
        filled.put(BTC, f"2026-05-19T0{hour}:00", "1")
    three_at_once(lambda: update(table))
    assert len(restatements(table)) == 10
    assert rows(table) == wanted(filled, *SPAN)


def test_a_merge_beside_a_commit_of_another_market_is_not_in_its_way(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.fill("c:perp:C", START, "2026-05-25")
    filled.put(BTC, "2026-05-19T05:00", "1")
    between, write = iter([1]), Table.write

    def late(self: Table, *args: Any, **options: Any) -> int:
        if next(between, None):  # another commit lands between what this one has read and what it writes
            backfill("c:perp:C", "1h", START, "2026-05-20", table)
        return write(self, *args, **options)

    before = Table(table).delta.version()
    monkeypatch.setattr(Table, "write", late)
    assert update(table, client=client).restated == 1
    assert Table(table).delta.version() == before + 2
    assert rows(table) == wanted(filled, *SPAN)
    assert rows(table, "c:perp:C") == wanted(filled, START, "2026-05-20", "c:perp:C")

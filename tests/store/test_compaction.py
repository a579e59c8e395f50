"""Compaction: no row changes, no coverage is lost, and no other process is disturbed."""

from __future__ import annotations

import os
import shutil
import time
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.errors import UsageError
from allium_market_data.store import Table, backfill, compact, update
from allium_market_data.store.compaction import SmallFiles, find_small_files, fullest
from allium_market_data.store.update import MAX_SMALL_FILES
from allium_market_data.store.watch import MERGE_PERIOD, MIN_SMALL_FILES, TICKS_PER_MERGE, months_per_merge
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange
from support.tables import all_rows, final_values, restatements, run_together

START = "2026-04-28"


_SHARED: dict[str, Any] = {}
"""The table that these tests copy, made once: its folder, and the samples and clock of its exchange."""


@pytest.fixture
def hourly(exchange: Exchange, client: MarketData, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """A table of two markets that was updated every hour for a while, with a restatement each."""
    if not _SHARED:
        folder = tmp_path_factory.mktemp("hourly") / "oi"
        for market in (BTC, ETH):
            exchange.fill(market, START, "2026-05-25")
        backfill([BTC, ETH], "1h", START, "2026-05-20T10:00", folder, client=client)
        for hour in range(4):
            exchange.put(BTC, f"2026-05-20T0{hour}:00", "1")
            exchange.wait(hours=1)
            update(folder, client=client, provisional=hour % 2 == 0)
        _SHARED.update(folder=folder, samples=deepcopy(exchange.samples), now=exchange.now)
    shutil.copytree(_SHARED["folder"], table)
    exchange.samples, exchange.now = deepcopy(_SHARED["samples"]), _SHARED["now"]
    return exchange


def count_files(table: Path) -> int:
    return len(DeltaTable(table).file_uris())


def test_compaction_keeps_rows_and_coverage_in_fewer_files(hourly: Exchange, client: MarketData, table: Path) -> None:
    before, coverage, restated = all_rows(table), Table(table).coverage, restatements(table)
    assert count_files(table) > 4
    result = compact(table)
    assert count_files(table) == 4, "two markets, two months"
    assert result.before > result.after > 0 == result.deleted
    assert (all_rows(table), Table(table).coverage, restatements(table)) == (before, coverage, restated)
    assert len(DeltaTable(table / "_restatements").file_uris()) == 1
    assert not find_small_files(Table(table).delta)


def test_a_compacted_table_is_updated_as_before(hourly: Exchange, client: MarketData, table: Path) -> None:
    compact(table)
    requests = hourly.request_count
    assert backfill([BTC, ETH], "1h", START, "2026-05-20T14:00", table, client=client).rows == 0
    assert hourly.request_count == requests
    hourly.wait(hours=1)
    hourly.put(BTC, "2026-05-19T23:00", "2")
    result = update(table, client=client)
    assert (result.restated, result.added) == (1, 2)
    assert update(table, client=client).added == 0


def test_a_compact_table_is_left_alone(hourly: Exchange, table: Path) -> None:
    compact(table)
    version = Table(table).delta.version()
    assert compact(table).before == 0
    assert Table(table).delta.version() == version


def test_coverage_survives_many_commits_without_a_note(hourly: Exchange, table: Path) -> None:
    coverage = Table(table).coverage
    for _ in range(70):
        DeltaTable(table).alter.set_table_properties({"delta.appendOnly": "false"})
    assert Table(table).coverage == coverage


def test_a_reader_keeps_its_files_during_compaction(hourly: Exchange, table: Path) -> None:
    reader = DeltaTable(table)
    before = reader.to_pyarrow_table().num_rows
    compact(table, vacuum=timedelta(days=1))
    assert reader.to_pyarrow_table().num_rows == before


def test_vacuum_deletes_only_old_unused_files(hourly: Exchange, table: Path) -> None:
    month = next(table.glob("interval=1h/*/month=2026-05"))
    old, young = month / "part-00000-old.snappy.parquet", month / "part-00000-young.snappy.parquet"
    for stray in (old, young):
        stray.write_bytes(b"left by a killed writer")
    long_ago = time.time() - 3 * 86_400
    os.utime(old, (long_ago, long_ago))
    for kept in (table / "_restatements").rglob("*.*"):
        os.utime(kept, (long_ago, long_ago))
    before, restated = all_rows(table), restatements(table)
    assert compact(table, vacuum=timedelta.max).deleted == 0
    assert compact(table, vacuum=timedelta(days=2)).deleted == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert (all_rows(table), restatements(table)) == (before, restated)


@pytest.mark.parametrize("days", [0.9, -1])
def test_vacuum_of_young_files_is_rejected(hourly: Exchange, table: Path, days: float) -> None:
    with pytest.raises(UsageError, match="a day or more"):
        compact(table, vacuum=timedelta(days=days))


def test_concurrent_compactions_keep_every_row_once(hourly: Exchange, table: Path) -> None:
    before = all_rows(table)
    run_together(*[lambda: compact(table)] * 3)
    assert all_rows(table) == before
    assert count_files(table) == 4


def test_a_market_of_any_name_is_updated_and_compacted(exchange: Exchange, client: MarketData, table: Path) -> None:
    odd = 'it\'s:perp:"A"%20-=ü'
    exchange.fill(odd, START, "2026-05-25")
    for end in ("2026-05-02", "2026-05-20T10:00"):
        backfill(odd, "1h", "2026-05-01", end, table, client=client)
    exchange.put(odd, "2026-05-19T05:00", "1")
    assert update(table, client=client).restated == 1
    before = all_rows(table)
    assert (compact(table).after, all_rows(table)) == (1, before)


def test_a_compaction_runs_beside_an_update_and_a_backfill(hourly: Exchange, client: MarketData, table: Path) -> None:
    hourly.fill("c:perp:C", START, "2026-05-25")
    hourly.put(BTC, "2026-05-19T23:00", "2")
    run_together(
        lambda: backfill("c:perp:C", "1h", START, "2026-05-20T14:00", table, commit_rows=1, commit_seconds=0),
        lambda: update(table, commit_rows=1, commit_seconds=0),
        lambda: [compact(table) for _ in range(4)],
    )
    hourly.wait(hours=1)
    update(table, client=client)
    for market in (BTC, ETH, "c:perp:C"):
        assert sorted(final_values(table, market)) == hourly.labels(START, "2026-05-20T15:00")
    assert final_values(table)[to_instant("2026-05-19T23:00", "at")][0] == 2


def test_updates_keep_the_number_of_files_under_a_bound(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-18", "2026-05-25")
    backfill(BTC, "1h", "2026-05-18", "2026-05-20T10:00", table, client=client)
    files = []
    for _ in range(30):
        exchange.wait(hours=1)
        assert update(table, client=client).added == 1
        files.append(len(Table(table).delta.file_uris()))
    assert max(files) <= MAX_SMALL_FILES
    assert final_values(table) == exchange.values("2026-05-18", "2026-05-21T16:00")


@given(markets=st.integers(1, 300), leftover=st.integers(0, 100))
def test_the_merges_of_a_watch_keep_files_under_a_bound(markets: int, leftover: int) -> None:
    """Every tick adds a file to each market. ``leftover`` are the files that an earlier process left in one of them."""
    files = dict.fromkeys((f"m{index}" for index in range(markets)), 0)
    files["m0"] = leftover
    bound = MERGE_PERIOD + MIN_SMALL_FILES + TICKS_PER_MERGE
    for tick in range(1, 3 * MERGE_PERIOD + 1):
        files = {market: count + 1 for market, count in files.items()}
        if tick % TICKS_PER_MERGE == 0:
            many = [
                SmallFiles("2026-05", market, ("1m",), count, count)
                for market, count in files.items()
                if count > MIN_SMALL_FILES
            ]
            merged = fullest(many, months_per_merge(markets))
            files |= {month.market_id: 1 for month in merged}
            assert len(merged) <= months_per_merge(markets) <= markets / 12 + 1, "the work is spread"
        assert max(list(files.values())[1:], default=0) <= bound
        assert tick < TICKS_PER_MERGE * 2 or files["m0"] <= bound, "the fullest comes first"


def test_new_spans_are_merged_without_a_read(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.fill(BTC, "2026-05-18", "2026-05-25")
    backfill(BTC, "1h", "2026-05-18", "2026-05-20T10:00", table, client=client)
    monkeypatch.setattr(Table, "read_rows", lambda *_: pytest.fail("stored rows were read"))
    exchange.wait(hours=1)
    assert update(table, client=client, look_back=timedelta(0)).added == 1

"""Old files of the log go; the coverage, the rows and the versions of the last days stay."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.store import Table, backfill, compact, update
from allium_market_data.store.compaction import MIN_VACUUM_AGE
from allium_market_data.store.log_cleanup import LogFile, files_to_delete
from support.exchange import BTC, Exchange
from support.tables import all_rows

MONDAY = datetime(2026, 5, 18, tzinfo=UTC)


def age(table: Path, versions: range, days: float) -> None:
    """Make the log files of these versions look older."""
    moment = time.time() - days * 86_400
    for version in versions:
        for file in (table / "_delta_log").glob(f"{version:020}.*"):
            os.utime(file, (moment, moment))


def log_versions(table: Path) -> list[int]:
    return sorted(int(file.stem) for file in (table / "_delta_log").glob("*.json") if file.stem.isdigit())


def test_the_log_is_cut_at_an_old_checkpoint(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-18", "2026-05-25")
    backfill(BTC, "1h", "2026-05-18", "2026-05-20T05:00", table, client=client)
    for hours in (0, 1, 1):
        exchange.wait(hours=hours)
        update(table, client=client)
    DeltaTable(table).create_checkpoint()
    checkpoint = DeltaTable(table).version()
    for hours in (1, 1):
        exchange.wait(hours=hours)
        update(table, client=client)
    before, coverage = all_rows(table), Table(table).coverage
    assert log_versions(table)[0] == 0
    age(table, range(checkpoint + 1), days=3)

    idle = Table(table)
    assert compact(table, vacuum=timedelta(days=2)).deleted >= checkpoint
    assert log_versions(table)[0] == checkpoint
    assert (all_rows(table), Table(table).coverage) == (before, coverage)
    assert idle.refresh() == coverage, "a reader that was open goes on"
    assert DeltaTable(table, version=checkpoint).to_pyarrow_table().num_rows > 0, "a version of the last days"
    exchange.wait(hours=1)
    assert update(table, client=client).added == 1


def test_checkpoints_forget_replaced_files_when_they_may_be_deleted(table: Path) -> None:
    """By default Delta lists them for a week: a million for a ``watch`` of 100 markets that merges 60 files of each an hour."""
    Table(table, create=True)
    configuration = DeltaTable(table).metadata().configuration
    assert configuration["delta.deletedFileRetentionDuration"] == f"interval {MIN_VACUUM_AGE.days} days"


def test_a_young_log_is_left_alone(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-18", "2026-05-25")
    backfill(BTC, "1h", "2026-05-18", "2026-05-20T05:00", table, client=client)
    DeltaTable(table).create_checkpoint()
    versions = log_versions(table)
    compact(table, vacuum=timedelta(days=1))
    assert log_versions(table) == versions


@given(
    newest=st.integers(0, 30),
    checkpoints=st.sets(st.integers(0, 30)),
    days=st.integers(0, 30),
)
def test_every_version_that_is_young_stays_readable(newest: int, checkpoints: set[int], days: int) -> None:
    """A commit a day: the versions of the last days keep their commits, and a checkpoint before them or the first commit."""
    files = [LogFile(f"{version:020}.json", version, MONDAY + timedelta(version)) for version in range(newest + 1)]
    files += [
        LogFile(f"{version:020}.checkpoint.parquet", version, MONDAY + timedelta(version))
        for version in checkpoints
        if version <= newest
    ]
    before = MONDAY + timedelta(days)
    deleted = files_to_delete(files, newest, before)
    kept = [file for file in files if file not in deleted]
    commits = sorted(file.version for file in kept if not file.is_checkpoint)
    assert commits == list(range(commits[0], newest + 1)), "no hole"
    assert commits[0] == 0 or any(file.is_checkpoint and file.version == commits[0] for file in kept)
    assert all(file.modified < before for file in deleted)
    assert [file.version for file in deleted] == sorted(file.version for file in deleted)
    oldest_young = max((version for version in checkpoints if version <= newest and version < days), default=0)
    assert commits[0] == oldest_young, "and no more than that"

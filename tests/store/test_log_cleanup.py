"""Old files of the log go; the coverage, the rows and the versions of the last days stay."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import example, given
from hypothesis import strategies as st

from allium_market_data import MarketData
from allium_market_data.store import Table, Watch, backfill, compact, log_cleanup, update
from allium_market_data.store.compaction import MIN_VACUUM_AGE
from allium_market_data.store.coverage import CommitNote
from allium_market_data.store.log_cleanup import LogFile, files_to_delete
from support.exchange import BTC, Exchange
from support.tables import all_rows, final_values

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


def log_of_ten_hours(exchange: Exchange, client: MarketData, table: Path) -> int:
    """A table with a checkpoint in the middle of its log, and everything up to it older than 40 days. Its version."""
    exchange.fill(BTC, "2026-05-18", "2026-05-25")
    backfill(BTC, "1h", "2026-05-18", "2026-05-20T05:00", table, client=client)
    for _ in range(3):
        exchange.wait(hours=1)
        update(table, client=client)
    DeltaTable(table).create_checkpoint()
    checkpoint: int = DeltaTable(table).version()
    exchange.wait(hours=1)
    update(table, client=client)
    age(table, range(checkpoint + 1), days=40)
    return checkpoint


def test_updates_and_watches_clean_the_log_once_in_many_commits(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = log_of_ten_hours(exchange, client, table)
    since = Table(table).log.version
    monkeypatch.setattr(log_cleanup, "COMMITS_PER_CLEANING", since + 3)
    exchange.wait(hours=1)
    update(table, client=client)
    assert log_versions(table)[0] == 0, "not yet"
    rows = Watch(client, [BTC], "1h", Table(table), sleep=lambda _: exchange.wait(hours=1)).rows()
    labels = [row.ts for row in islice(rows, 4)]
    assert log_versions(table)[0] == checkpoint
    assert len(set(labels)) == 4
    assert update(table, client=client).restated == 0
    assert final_values(table) == exchange.values("2026-05-18", f"{max(final_values(table)):%FT%R}:01")


def test_a_table_that_was_open_while_the_log_was_cut_goes_on(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commits after its version are gone. It reads the coverage of the whole table again."""
    Table(table, create=True)
    idle = Table(table)
    log_of_ten_hours(exchange, client, table)
    monkeypatch.setattr(log_cleanup, "COMMITS_PER_CLEANING", 1)
    exchange.wait(hours=1)
    update(table, client=client)
    assert log_versions(table)[0] > idle.log.version + 1
    assert idle.refresh() == Table(table).coverage
    assert idle.series(BTC, "1h", "2026-05-18", "2026-05-20T12:00") == Table(table).series(
        BTC, "1h", "2026-05-18", "2026-05-20T12:00"
    )
    idle.write_note(CommitNote(retired={BTC: True}))
    assert Table(table).coverage.retired == {BTC: True}


def test_files_of_the_log_that_cannot_be_deleted_are_a_warning(
    exchange: Exchange,
    client: MarketData,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_of_ten_hours(exchange, client, table)
    monkeypatch.setattr(log_cleanup, "COMMITS_PER_CLEANING", 1)

    class Handler:
        """A handler of a store whose keys allow no deletion."""

        def delete_file(self, name: str) -> None:
            raise PermissionError(f"{name}: AccessDenied")

    handlers = iter([log_cleanup._handler(Table(table)), Handler()])
    monkeypatch.setattr(log_cleanup, "_handler", lambda _: next(handlers))
    listed = log_cleanup._log_files(Table(table))
    monkeypatch.setattr(log_cleanup, "_log_files", lambda _: listed)
    exchange.wait(hours=1)
    assert update(table, client=client).added == 1
    assert "AccessDenied" in caplog.text
    assert log_versions(table)[0] == 0


@given(
    newest=st.integers(0, 60),
    checkpoints=st.sets(st.integers(0, 60), max_size=60),
    days=st.integers(0, 12),
    per_day=st.integers(1, 12),
)
@example(newest=50, checkpoints=set(range(51)), days=2, per_day=10)
@example(newest=33, checkpoints={10, 12, 14, 30}, days=4, per_day=5)
def test_every_version_that_is_young_stays_readable(
    newest: int, checkpoints: set[int], days: int, per_day: int
) -> None:
    """Some commits a day: the versions of the last days keep their commits, and a checkpoint before them or the first commit."""

    def written(version: int) -> datetime:
        return MONDAY + timedelta(version) / per_day

    files = [LogFile(f"{version:020}.json", version, written(version)) for version in range(newest + 1)]
    existing = {version for version in checkpoints if version <= newest}
    files += [LogFile(f"{version:020}.checkpoint.parquet", version, written(version)) for version in existing]
    now, before = written(newest), written(newest) - timedelta(days)
    deleted = files_to_delete(files, newest, before, now)
    kept = [file for file in files if file not in deleted]
    commits = sorted(file.version for file in kept if not file.is_checkpoint)
    assert commits == list(range(commits[0], newest + 1)), "no hole"
    left = {file.version for file in kept if file.is_checkpoint}
    assert commits[0] == 0 or commits[0] in left
    assert all(file.modified < before or file.is_checkpoint for file in deleted)
    assert [file.version for file in deleted] == sorted(file.version for file in deleted)
    assert commits[0] == max((version for version in existing if written(version) < before), default=0), (
        "no more than that"
    )
    expected = {
        version
        for version in existing
        if version == commits[0]
        or (version > commits[0] and written(version) >= now - timedelta(days=1))
        or (
            version > commits[0] and version == max(v for v in existing if written(v).date() == written(version).date())
        )
    }
    assert left == expected, "those of the last day, one of each day before, and the first"

"""The coverage of a table is read correctly from its log while others commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deltalake
import pytest
from deltalake import DeltaTable

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.intervals import DAY
from allium_market_data.store import Coverage, Table, backfill, schema
from allium_market_data.store.coverage import METADATA_KEY, SNAPSHOT_EVERY, CommitNote
from allium_market_data.store.log import CoverageLog
from support.exchange import BTC, Exchange

START = 20_574 * DAY
DAYS = [(START + n * DAY, START + (n + 1) * DAY) for n in range(3 * SNAPSHOT_EVERY)]


def complete_day(table: Table, day: int) -> None:
    """Commit, without rows, that a day is complete."""
    table.refresh()
    note = CommitNote({("1d", BTC): (DAYS[day],)}, fetched_at=day)
    table.write_note(note)


@pytest.mark.parametrize("known", [True, False], ids=["reading the rest", "reading everything"])
@pytest.mark.parametrize("others", [1, 2])
def test_commits_that_land_during_a_read_are_counted_once(table: Path, known: bool, others: int) -> None:
    """Delta's history starts at the newest commit and counts down from the loaded version."""
    writer = Table(table, create=True)
    for day in range(3):
        complete_day(writer, day)
    delta = DeltaTable(table)
    log = CoverageLog(delta, str(table))
    if known:
        log.refresh()
        for day in range(3, 6):
            complete_day(writer, day)
    first = 6 if known else 3
    history, days = delta.history, list(range(first, first + others))

    def history_after_commits(limit: int | None = None) -> list[dict[str, Any]]:
        while days:
            complete_day(writer, days.pop(0))
        commits: list[dict[str, Any]] = history(limit)
        return commits

    delta.history = history_after_commits
    last = first + others
    assert log.refresh() == Coverage({("1d", BTC): ((DAYS[0][0], DAYS[last - 1][1]),)}, {}, last - 1)
    assert log.refresh() == Table(table).coverage == writer.refresh()


@pytest.mark.parametrize(
    "note", ["{", '{"complete": []}', '{"complete": [["1h"]], "provisional": [], "fetched_at": 0}']
)
def test_a_note_that_cannot_be_read_is_an_error(table: Path, note: str) -> None:
    writer = Table(table, create=True)
    deltalake.write_deltalake(
        writer.delta,
        schema.rows_schema(OPEN_INTEREST).empty_table(),
        mode="append",
        commit_properties=deltalake.CommitProperties(custom_metadata={METADATA_KEY: note}),
    )
    with pytest.raises(StoreError, match=r"complete windows in the log of .* cannot be read"):
        Table(table)
    with pytest.raises(StoreError, match="cannot be read"):
        writer.refresh()


def test_opening_a_table_of_many_commits_reads_few(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Table(table, create=True)
    for day in range(SNAPSHOT_EVERY + 20):
        complete_day(writer, day)
    limits: list[int | None] = []
    history = DeltaTable.history

    def recorded(delta: Any, limit: int | None = None) -> Any:
        limits.append(limit)
        return history(delta, limit)

    monkeypatch.setattr(DeltaTable, "history", recorded)
    opened = Table(table)
    assert opened.coverage.complete == {("1d", BTC): ((DAYS[0][0], DAYS[SNAPSHOT_EVERY + 19][1]),)}
    assert limits == [SNAPSHOT_EVERY + 10], "the commits are read once"
    checkpoints = [int(file.name[:20]) for file in (table / "_delta_log").glob("*.checkpoint.parquet")]
    assert opened.delta.version() - max(checkpoints) <= 20, "and Delta reads those since the last checkpoint"


def test_a_truncated_log_is_an_error(table: Path) -> None:
    writer = Table(table, create=True)
    for day in range(3):
        complete_day(writer, day)
    writer.delta.create_checkpoint()
    for commit in sorted((table / "_delta_log").glob("*.json"))[:2]:
        commit.unlink()
    with pytest.raises(StoreError, match="is truncated"):
        Table(table)


def test_a_damaged_log_is_an_error_of_one_line(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-20")
    backfill(BTC, "1h", "2026-05-01", "2026-05-03", table, client=client)
    newest = max((table / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text()[:200])
    with pytest.raises(StoreError) as caught:
        Table(table)
    assert "\n" not in str(caught.value)
    assert str(table) in str(caught.value)

"""What other Delta tools do to a table is noticed, and damaged files are named."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from allium_market_data import MarketData
from allium_market_data.errors import StoreError, UsageError
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.store import Table, backfill, check_files, compact, forget, retire, schema, status, update
from allium_market_data.store.coverage import CommitNote
from allium_market_data.store.spans import month_span
from support.exchange import BTC, ETH, Exchange
from support.tables import all_rows, final_values, restatements

SPAN = "2026-03-20", "2026-05-20T10:00"
APRIL = "2026-04-01", "2026-05-01"


@pytest.fixture
def filled(exchange: Exchange, client: MarketData, table: Path) -> Exchange:
    """A table of three months of two markets."""
    for market in (BTC, ETH):
        exchange.fill(market, SPAN[0], "2026-05-25")
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    return exchange


def april_files(table: Path) -> list[Path]:
    """The data files of April of the first market."""
    folders = [folder for folder in table.rglob("month=2026-04") if "BTC" in str(folder)]
    return [file for folder in folders for file in folder.glob("*.parquet")]


def delete_rows(table: Path) -> None:
    DeltaTable(table).delete(f"market_id = '{BTC}' AND month = '2026-04' AND ts < '2026-04-10T00:00:00Z'")


def lose_file(table: Path) -> None:
    for file in april_files(table):
        file.unlink()
    DeltaTable(table).repair()


def restore(table: Path) -> None:
    DeltaTable(table).restore(0)


def double_rows(table: Path) -> None:
    rows = [row for row in all_rows(table) if (row["market_id"], row["month"]) == (BTC, "2026-04")]
    write_deltalake(table, pa.Table.from_pylist(rows[::2], schema.rows_schema(OPEN_INTEREST)), mode="append")


@pytest.mark.parametrize("work", [delete_rows, lose_file, restore, double_rows])
def test_months_that_another_tool_touched_are_fetched_again(
    filled: Exchange, client: MarketData, table: Path, work: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    work(table)
    assert [(series.key[1], series.missing) for series in status(table)] == [(BTC, 0), (ETH, 0)], (
        "none known to be missing"
    )
    with (
        caplog.at_level(logging.WARNING, "allium_market_data"),
        pytest.raises(StoreError, match=r"taken out|never fetched"),
    ):
        Table(table).series(BTC, "1h", *APRIL)
    assert "written by another tool" in caplog.text
    assert "fetch them again with allium-md backfill" in caplog.text
    if work is not restore:
        assert list(Table(table).coverage.forgotten) == [("1h", BTC)]
        assert Table(table).series(BTC, "1h", "2026-05-01", SPAN[1]), "other months stay complete"
        assert Table(table).series(ETH, "1h", *SPAN), "other markets stay complete"
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(*SPAN, market)
    assert len(Table(table).series(BTC, "1h", *APRIL)) == 30 * 24
    assert not restatements(table)


def test_an_open_table_notices_a_delete_too(filled: Exchange, client: MarketData, table: Path) -> None:
    opened = Table(table)
    delete_rows(table)
    opened.refresh()
    with pytest.raises(StoreError, match="is not complete"):
        opened.series(BTC, "1h", *APRIL)
    retire(table, ETH)
    with pytest.raises(StoreError, match="is not complete"):
        Table(table).series(BTC, "1h", *APRIL)


def test_an_update_after_a_restore_fetches_everything_again(filled: Exchange, client: MarketData, table: Path) -> None:
    restore(table)
    assert update(table, client=client).added == len(filled.values(*SPAN)) * 2
    assert Table(table).series(BTC, "1h", *SPAN)
    assert not restatements(table)


def test_values_that_another_tool_changed_are_no_restatements(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    """The month of the tool's change is the newest, so an update fetches it, and not only a backfill."""
    DeltaTable(table).update({"oi_base": "cast(1 as decimal(38, 18))"}, predicate="month = '2026-05'")
    filled.remove(BTC, "2026-05-03T05:00")
    result = update(table, client=client)
    assert (result.restated, result.vanished, result.dropped) == (0, 0, 1)
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(*SPAN, market)
    assert not restatements(table)


def test_two_compactions_of_another_tool_that_double_rows_are_noticed(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    filled.wait(hours=2)
    update(table, client=client)
    both = DeltaTable(table), DeltaTable(table)
    for delta in both:
        delta.optimize.compact()
    with pytest.raises(StoreError, match="is not complete"):
        Table(table).series(BTC, "1h", "2026-05-01", SPAN[1])
    assert Table(table).series(BTC, "1h", *APRIL), "a month without small files stays complete"
    update(table, client=client)
    assert final_values(table) == filled.values(SPAN[0], "2026-05-20T12:00")


def test_rows_that_are_there_twice_are_an_error(filled: Exchange, table: Path) -> None:
    """Such as those of a tool that was not noticed by an earlier release."""
    double_rows(table)
    store = Table(table)
    store.write_note(CommitNote({("1h", BTC): (month_span("2026-04"),)}))
    with pytest.raises(StoreError, match=r"occurs twice.*allium-md forget.*allium-md backfill"):
        Table(table).series(BTC, "1h", *APRIL)


def test_rows_of_no_series_are_left_alone(filled: Exchange, client: MarketData, table: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"month": None},
        {"month": "2026-13"},
        {"market_id": None},
        {"market_id": ""},
        {"interval": "7m"},
    ]
    rows = [{**all_rows(table)[0], **values} for values in wrong]
    for _ in range(3):
        write_deltalake(table, pa.Table.from_pylist(rows, schema.rows_schema(OPEN_INTEREST)), mode="append")
    before = DeltaTable(table).to_pyarrow_table().num_rows
    filled.wait(hours=1)
    assert update(table, client=client).added == 2
    compact(table)
    assert [(series.key[1], series.missing) for series in status(table)] == [(BTC, 0), (ETH, 0)]
    assert len(Table(table).series(BTC, "1h", *SPAN)) == len(filled.values(*SPAN))
    assert DeltaTable(table).to_pyarrow_table().num_rows == before + 2


def test_compaction_and_vacuum_of_other_tools_are_harmless(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.wait(hours=2)
    update(table, client=client)
    DeltaTable(table).optimize.compact()
    DeltaTable(table).vacuum(dry_run=False)
    compact(table)
    assert Table(table).series(BTC, "1h", *SPAN)


def test_forgotten_windows_are_fetched_again_once(filled: Exchange, client: MarketData, table: Path) -> None:
    filled.put(BTC, "2026-04-03T04:00", "7")
    filled.remove(BTC, "2026-04-03T05:00")
    [(key, [span])] = forget(table, BTC, *APRIL).items()
    assert key == ("1h", BTC)
    assert [(series.missing, len(series.gaps)) for series in status(table)] == [(0, 1), (0, 0)]
    assert (span[1] - span[0]) == 30 * 24 * 3_600_000_000
    rows = len(all_rows(table))
    done = backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    assert done.tasks == 1
    assert final_values(table) == filled.values(*SPAN)
    assert len(all_rows(table)) == rows - 1
    assert forget(table, BTC, "2020-01-01", "2020-02-01") == {}
    with pytest.raises(StoreError, match="has no a:perp:A"):
        forget(table, "a:perp:A", *APRIL)
    with pytest.raises(UsageError, match="before"):
        forget(table, BTC, *APRIL[::-1])


def test_a_retired_market_is_left_out_and_keeps_its_rows(filled: Exchange, client: MarketData, table: Path) -> None:
    del filled.samples[BTC]
    filled.wait(hours=1)
    assert len(update(table, client=client).failures) == 1
    retire(table, BTC)
    requests = filled.request_count
    assert update(table, client=client).failures == ()
    assert filled.request_count == requests + 1
    assert [(series.key[1], series.retired) for series in status(table)] == [(BTC, True), (ETH, False)]
    assert Table(table).series(BTC, "1h", *SPAN)
    retire(table, BTC, undo=True)
    assert len(update(table, client=client).failures) == 1
    with pytest.raises(StoreError, match="has no a:perp:A"):
        retire(table, "a:perp:A")


def test_damaged_and_missing_files_are_found(filled: Exchange, client: MarketData, table: Path) -> None:
    assert check_files(table) == []
    [damaged] = april_files(table)
    damaged.write_bytes(b"PAR1 no parquet file")
    missing = next(file for file in table.rglob("*.parquet") if "ETH" in str(file) and "2026-03" in str(file))
    missing.unlink()
    problems = check_files(table)
    assert [(problem.key, problem.month) for problem in problems] == [
        (("1h", BTC), "2026-04"),
        (("1h", ETH), "2026-03"),
    ]
    assert damaged.name in str(problems[0])
    assert all(str(problem).isprintable() for problem in problems), "without the colour codes of the engine"
    for market in (BTC, ETH):
        with pytest.raises(StoreError, match=r"--check-files.*repair.*backfill") as caught:
            Table(table).series(market, "1h", *SPAN)
        assert str(caught.value).isprintable()


def test_the_advice_for_a_damaged_file_repairs_the_table(filled: Exchange, client: MarketData, table: Path) -> None:
    [damaged] = april_files(table)
    damaged.write_bytes(b"PAR1 no parquet file")
    damaged.unlink()
    DeltaTable(table).repair()
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    assert final_values(table) == filled.values(*SPAN)
    assert check_files(table) == []

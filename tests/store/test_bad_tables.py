"""What is not a table, clocks that are wrong, and markets that vanish: an error of one line, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.model.times import from_micros
from allium_market_data.store import Table, backfill, update
from allium_market_data.validation import to_instant
from support.commands import BACKFILL, SPAN, assert_failed, run
from support.exchange import BTC, ETH, Exchange
from support.tables import final_values

COMMANDS: dict[str, list[str]] = {
    "backfill": BACKFILL,
    "update": ["update"],
    "status": ["status"],
    "verify": ["verify"],
    "compact": ["compact"],
    "watch": ["watch", BTC, "-i", "1m"],
}
READERS = sorted({*COMMANDS} - {"backfill", "watch"})


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    return exchange


def other_files(path: Path) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("mine")


def a_file(path: Path) -> None:
    path.write_text("mine")


def another_delta_table(path: Path) -> None:
    deltalake.write_deltalake(path, pa.table({"a": [1, 2, 3]}))


def another_schema_version(path: Path) -> None:
    Table(path, create=True)
    deltalake.DeltaTable(path).alter.set_table_name("allium-md open interest, schema 2")


def restatements_alone(path: Path) -> None:
    Table(path.with_name("main"), create=True).restatements()
    (path.with_name("main") / "_restatements").rename(path)


WRONG_TABLES: list[tuple[Callable[[Path], None], str]] = [
    (other_files, "is not an open-interest table"),
    (a_file, "is not an open-interest table but a file"),
    (another_delta_table, "is a Delta table, but not an open-interest table"),
    (another_schema_version, "has schema version 2, this release reads 1"),
    (restatements_alone, "is a Delta table, but not an open-interest table"),
]


@pytest.mark.parametrize("command", ["backfill", "status", "watch"])
@pytest.mark.parametrize(("create", "message"), WRONG_TABLES, ids=[create.__name__ for create, _ in WRONG_TABLES])
def test_what_is_not_a_table_is_an_error_and_stays(
    filled: Exchange, table: Path, command: str, create: Callable[[Path], None], message: str
) -> None:
    create(table)
    before = contents(table.parent)
    assert_failed(run(*COMMANDS[command], "--table", table), str(table), message)
    assert contents(table.parent) == before
    assert filled.request_count == 0


@pytest.mark.parametrize("command", READERS)
def test_a_missing_table_is_an_error_and_is_not_created(filled: Exchange, table: Path, command: str) -> None:
    result = run(*COMMANDS[command], "--table", table)
    assert_failed(result, "is not an open-interest table: create one with allium-md backfill")
    assert not table.exists()


def test_an_empty_folder_becomes_a_table(filled: Exchange, client: MarketData, table: Path) -> None:
    table.mkdir()
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert final_values(table) == filled.values(*SPAN)


def test_a_file_uri_is_a_folder(filled: Exchange, client: MarketData, tmp_path: Path) -> None:
    uri = (tmp_path / "years of it" / "oi").as_uri()
    assert "%20" in uri
    backfill(BTC, "1h", *SPAN, uri, client=client)
    backfill(BTC, "1h", SPAN[0], "2026-05-06", uri, client=client)
    assert final_values(tmp_path / "years of it" / "oi") == filled.values(SPAN[0], "2026-05-06")
    (tmp_path / "other things").mkdir()
    (tmp_path / "other things" / "mine").write_text("mine")
    with pytest.raises(StoreError, match="is not an open-interest table"):
        backfill(BTC, "1h", *SPAN, (tmp_path / "other things").as_uri(), client=client)


def test_an_unknown_kind_of_uri_is_an_error(filled: Exchange) -> None:
    assert_failed(run(*BACKFILL, "--table", "nosuch://place/oi"), "cannot use the table nosuch://place/oi")


def test_a_market_that_vanishes_is_an_error_and_keeps_its_rows(
    filled: Exchange, client: MarketData, table: Path
) -> None:
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    before = final_values(table)
    del filled.samples[BTC]
    assert_failed(run("verify", "--table", table), "Market not found", BTC, status=1)
    result = run("update", "--table", table)
    assert result.exit_code == 10, result.output
    assert all(part in result.stderr for part in ("1 series failed", "Market not found", BTC))
    assert final_values(table) == before
    assert final_values(table, ETH) == filled.values(SPAN[0], "2026-05-20T10:00", ETH)


@pytest.mark.parametrize("command", ["backfill", "update", "watch"])
def test_a_clock_before_the_newest_rows_is_an_error(
    filled: Exchange, client: MarketData, table: Path, command: str
) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    before = contents(table)
    filled.skew = timedelta(hours=-3)
    words = [word.replace(SPAN[1], "2026-05-07") for word in COMMANDS[command]]
    result = run(*words, "--table", table)
    assert_failed(result, "this machine's clock says 2026-05-20T07:20:00Z", "set the clock")
    assert contents(table) == before


@pytest.mark.parametrize("command", ["backfill", "update", "watch"])
def test_a_clock_ahead_of_the_server_is_an_error(
    filled: Exchange, client: MarketData, table: Path, command: str
) -> None:
    backfill(BTC, "1h", SPAN[0], "2026-05-03", table, client=client)
    before = contents(table)
    filled.skew = datetime.now(UTC) + timedelta(hours=1) - filled.now  # the server's Date header has the real time
    words = [word.replace("1m", "1h").replace(SPAN[1], "2026-05-04") for word in COMMANDS[command]]
    assert_failed(run(*words, "--table", table), "this machine's clock says", "the server's", "set the clock")
    assert contents(table) == before


def test_a_clock_that_is_a_little_behind_is_accepted(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    filled.skew = timedelta(minutes=-5)
    update(table, client=client)
    assert final_values(table) == filled.values(SPAN[0], "2026-05-20T10:00")


def test_a_clock_set_back_during_a_backfill_completes_nothing_early(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buckets that were planned before, and have not ended by the new time, are left for later."""
    history, before_change = Exchange.history, [True]

    def set_clock_back(self: Exchange, market: str) -> Any:
        samples = history(self, market)
        if before_change:
            before_change.clear()
            self.skew = timedelta(hours=-30)
        return samples

    monkeypatch.setattr(Exchange, "history", set_clock_back)
    backfill(BTC, "1h", SPAN[0], "2026-05-21", table, client=client)
    end = Table(table).coverage.end_of(("1h", BTC)) or 0
    assert from_micros(end) <= to_instant("2026-05-20T10:00", "end")
    filled.now, filled.skew = to_instant("2026-05-20T12:20", "now"), timedelta(0)
    backfill(BTC, "1h", SPAN[0], "2026-05-21", table, client=client)
    assert final_values(table) == filled.values(SPAN[0], "2026-05-20T12:00")

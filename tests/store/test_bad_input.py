"""What is no table of ours, a disk that is full, a folder that may not be written, a clock that jumps: told, and unharmed."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from allium_market_data import MarketData
from allium_market_data.cli import main as cli
from allium_market_data.errors import StoreError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.store import Table, backfill, update
from allium_market_data.validation import to_instant
from store.test_backfill import rows, wanted
from support.exchange import BTC, ETH, Exchange

SPAN = "2026-05-01", "2026-05-05"
FILL = ["backfill", BTC, "-i", "1h", "--start", SPAN[0], "--end", SPAN[1]]
COMMANDS: dict[str, list[str]] = {
    "backfill": FILL,
    "update": ["update"],
    "status": ["status"],
    "verify": ["verify"],
    "compact": ["compact"],
    "watch": ["watch", BTC, "-i", "1m"],
}


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def failed(result: Result, *saying: str, status: int = 1) -> None:
    """One line at the end of standard error that begins with the command's name, nothing on standard output."""
    assert result.exit_code == status, (result.output, result.exception)
    assert result.stdout == ""
    *before, last = result.stderr.splitlines()
    assert all("windows, " in line for line in before), result.stderr
    assert last.startswith("allium-md: ")
    assert "Traceback" not in result.stderr
    for words in saying:
        assert words in last


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    return exchange


def a_folder_of_other_things(place: Path) -> None:
    place.mkdir()
    (place / "thesis.tex").write_text("mine")


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_table_of_somebody_else(place: Path) -> None:
    deltalake.write_deltalake(place, pa.table({"a": [1, 2, 3]}))


def a_table_of_another_schema(place: Path) -> None:
    Table(place, create=True)
    deltalake.DeltaTable(place).alter.set_table_name("allium-md open interest, schema 2")


def a_table_of_restatements(place: Path) -> None:
    Table(place.with_name("main"), create=True).restatements()
    (place.with_name("main") / "_restatements").rename(place)


BAD: list[tuple[Callable[[Path], None], str]] = [
    (a_folder_of_other_things, "is no table of open interest"),
    (a_file, "is no table of open interest"),
    (a_table_of_somebody_else, "is a Delta table, but not one of open interest"),
    (a_table_of_another_schema, "has schema version 2, this release reads 1"),
    (a_table_of_restatements, "is a Delta table, but not one of open interest"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("made", "saying"), BAD, ids=[made.__name__ for made, _ in BAD])
def test_what_is_no_table_of_ours_is_told_and_left_alone(
    filled: Exchange, table: Path, command: str, made: Callable[[Path], None], saying: str
) -> None:
    made(table)
    before = contents(table.parent)
    failed(run(*COMMANDS[command], "--table", str(table)), str(table), saying)
    assert contents(table.parent) == before
    assert filled.asked == 0


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"backfill", "watch"}))
def test_a_place_where_nothing_is_is_told_and_nothing_is_made(filled: Exchange, table: Path, command: str) -> None:
    failed(run(*COMMANDS[command], "--table", str(table)), "is no table of open interest", "allium-md backfill")
    assert not table.exists()


def test_an_empty_folder_becomes_a_table(filled: Exchange, client: MarketData, table: Path) -> None:
    table.mkdir()
    backfill(BTC, "1h", *SPAN, table, client=client)
    assert rows(table) == wanted(filled, *SPAN)


def test_a_uri_of_a_file_is_a_folder_too(filled: Exchange, client: MarketData, tmp_path: Path) -> None:
    uri = (tmp_path / "years of it" / "oi").as_uri()
    assert "%20" in uri
    backfill(BTC, "1h", *SPAN, uri, client=client)
    backfill(BTC, "1h", SPAN[0], "2026-05-06", uri, client=client)
    assert rows(tmp_path / "years of it" / "oi") == wanted(filled, SPAN[0], "2026-05-06")
    (tmp_path / "other things").mkdir()
    (tmp_path / "other things" / "mine").write_text("mine")
    with pytest.raises(StoreError, match="is no table"):
        backfill(BTC, "1h", *SPAN, (tmp_path / "other things").as_uri(), client=client)


def test_a_uri_that_nothing_reaches_is_told(filled: Exchange) -> None:
    failed(run(*FILL, "--table", "nosuch://place/oi"), "cannot use the table nosuch://place/oi")


def test_a_market_that_vanished_is_told_and_its_rows_stay(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    before = rows(table)
    del filled.samples[BTC]
    failed(run("verify", "--table", str(table)), "Market not found", BTC)
    failed(run("backfill", BTC, "-i", "1h", "--start", SPAN[0], "--end", "2026-05-06", "-t", str(table)), BTC)
    result = run("update", "--table", str(table))
    failed(result, "Market not found", BTC)
    assert rows(table) == before
    assert rows(table, ETH) == wanted(filled, SPAN[0], "2026-05-20T10:00", ETH)


@pytest.mark.parametrize("command", ["backfill", "update", "watch"])
def test_a_clock_that_stands_before_the_newest_rows_is_told_and_nothing_is_written(
    filled: Exchange, client: MarketData, table: Path, command: str
) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    before = contents(table)
    filled.skew = timedelta(hours=-3)
    words = [word.replace(SPAN[1], "2026-05-07") for word in COMMANDS[command]]
    failed(run(*words, "--table", str(table)), "this machine's clock says 2026-05-20T07:20:00Z", "set the clock")
    assert contents(table) == before


def test_a_clock_that_jumps_back_a_little_is_no_matter(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", *SPAN, table, client=client)
    filled.skew = timedelta(minutes=-5)
    update(table, client=client)
    assert rows(table) == wanted(filled, SPAN[0], "2026-05-20T10:00")


def test_a_clock_that_jumps_back_during_a_backfill_completes_nothing_too_early(
    filled: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was made before the jump: buckets that are not over by the new time are left for later."""
    history, jumped = Exchange.history, iter([1])

    def jumping(self: Exchange, market: str) -> Any:
        found = history(self, market)
        if next(jumped, None):
            self.skew = timedelta(hours=-30)
        return found

    monkeypatch.setattr(Exchange, "history", jumping)
    backfill(BTC, "1h", SPAN[0], "2026-05-21", table, client=client)
    end = Table(table).coverage.end(("1h", BTC)) or 0
    assert to_instant("1970-01-01", "s") + timedelta(microseconds=end) <= to_instant("2026-05-20T10:00", "e")
    filled.now, filled.skew = to_instant("2026-05-20T12:20", "now"), timedelta(0)
    backfill(BTC, "1h", SPAN[0], "2026-05-21", table, client=client)
    assert rows(table) == wanted(filled, SPAN[0], "2026-05-20T12:00")


@pytest.mark.parametrize("command", ["backfill", "update", "watch"])
def test_a_clock_ahead_of_the_server_s_is_told_before_buckets_count_as_over(
    filled: Exchange, client: MarketData, table: Path, command: str
) -> None:
    backfill(BTC, "1h", SPAN[0], "2026-05-03", table, client=client)
    before = contents(table)
    filled.skew = timedelta(days=3650)
    words = [word.replace("1m", "1h").replace(SPAN[1], "2026-05-04") for word in COMMANDS[command]]
    failed(run(*words, "--table", str(table)), "this machine's clock says 2036-05-17", "set the clock")
    assert contents(table) == before


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Callable[..., None]]:
    """A small file system of its own, where that is allowed; gives what mounts it again with other options."""
    place.mkdir()

    def mount(*options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs", str(place)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("file systems cannot be mounted here")

    mount()
    try:
        yield lambda *options: mount("remount", *options)
    finally:
        subprocess.run(["umount", str(place)], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")


@needs_root
def test_a_full_disk_is_told_and_what_was_committed_is_whole(
    exchange: Exchange, client: MarketData, tmp_path: Path
) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-12", MINUTE)
    call = ["backfill", BTC, "-i", "1m", "--start", "2026-05-01", "--end", "2026-05-12"]
    with mounted(tmp_path / "disk", "6m") as again:
        table = tmp_path / "disk" / "oi"
        backfill(BTC, "1m", "2026-05-01", "2026-05-03", table, client=client)
        before, known = rows(table, BTC, "1m"), Table(table).coverage
        (tmp_path / "disk" / "ballast").write_bytes(bytes(5_000_000))
        failed(run(*call, "--table", str(table)), "No space left on device", str(table), "unharmed")
        assert rows(table, BTC, "1m") == before
        assert Table(table).coverage == known
        again("size=20m")
        assert run(*call, "--table", str(table)).exit_code == 0
        assert len(rows(table, BTC, "1m")) == 11 * 1440


@needs_root
@pytest.mark.parametrize("command", ["backfill", "update", "compact"])
def test_a_read_only_file_system_is_told_and_can_still_be_read(
    filled: Exchange, client: MarketData, tmp_path: Path, command: str
) -> None:
    with mounted(tmp_path / "disk", "4m") as again:
        table = tmp_path / "disk" / "oi"
        for end in ("2026-05-02", "2026-05-03"):
            backfill([BTC, ETH], "1h", SPAN[0], end, table, client=client)
        again("ro")
        failed(run(*COMMANDS[command], "--table", str(table)), "Read-only file system", str(table))
        assert run("status", "--table", str(table)).exit_code == 0
        assert rows(table) == wanted(filled, SPAN[0], "2026-05-03")
        failed(run(*FILL, "--table", str(tmp_path / "disk" / "other")), "Read-only file system")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", SPAN[0], "2026-05-03", table, client=client)
    places = [table, *(place for place in table.rglob("*") if place.is_dir())]
    for place in places:
        place.chmod(0o500)
    try:
        failed(run(*FILL, "--table", str(table)), "Permission denied", str(table))
        assert rows(table) == wanted(filled, SPAN[0], "2026-05-03")
    finally:
        for place in places:
            place.chmod(0o700)


def test_a_file_that_may_not_grow_is_told_and_what_was_committed_is_whole(
    exchange: Exchange, client: MarketData, table: Path
) -> None:
    """As a disk quota does it; nothing needs to be mounted."""
    exchange.fill(BTC, "2026-05-01", "2026-05-06", MINUTE)
    backfill(BTC, "1m", "2026-05-01", "2026-05-02", table, client=client)
    before, known = rows(table, BTC, "1m"), Table(table).coverage
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="unharmed") as caught:
            backfill(BTC, "1m", "2026-05-01", "2026-05-06", table, client=client)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert (rows(table, BTC, "1m"), Table(table).coverage) == (before, known)
    backfill(BTC, "1m", "2026-05-01", "2026-05-06", table, client=client)
    assert len(rows(table, BTC, "1m")) == 5 * 1440

"""Disks that are full or read-only: an error of one line, and earlier commits are intact."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.store import Table, backfill
from support.commands import BACKFILL, SPAN, assert_failed, run
from support.exchange import BTC, ETH, Exchange
from support.tables import final_values


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-05-01", "2026-05-25")
    return exchange


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Callable[..., None]]:
    """Mount a small file system at a folder. Yields a function that mounts it again with other options."""
    folder.mkdir()

    def mount(*options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("file systems cannot be mounted here")

    mount()
    try:
        yield lambda *options: mount("remount", *options)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")


@needs_root
def test_a_full_disk_is_an_error_and_commits_are_intact(exchange: Exchange, client: MarketData, tmp_path: Path) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-12", MINUTE)
    words = ["backfill", BTC, "-i", "1m", "--start", "2026-05-01", "--end", "2026-05-12"]
    with mounted(tmp_path / "disk", "6m") as remount:
        table = tmp_path / "disk" / "oi"
        backfill(BTC, "1m", "2026-05-01", "2026-05-03", table, client=client)
        before, coverage = final_values(table, BTC, "1m"), Table(table).coverage
        (tmp_path / "disk" / "ballast").write_bytes(bytes(5_000_000))
        assert_failed(run(*words, "--table", table), "No space left on device", str(table), "intact")
        assert final_values(table, BTC, "1m") == before
        assert Table(table).coverage == coverage
        remount("size=20m")
        assert run(*words, "--table", table).exit_code == 0
        assert len(final_values(table, BTC, "1m")) == 11 * 1440


@needs_root
@pytest.mark.parametrize("command", [BACKFILL, ["update"], ["compact"]], ids=lambda words: words[0])
def test_a_read_only_table_can_be_read_but_not_written(
    filled: Exchange, client: MarketData, tmp_path: Path, command: list[str]
) -> None:
    with mounted(tmp_path / "disk", "4m") as remount:
        table = tmp_path / "disk" / "oi"
        for end in ("2026-05-02", "2026-05-03"):
            backfill([BTC, ETH], "1h", SPAN[0], end, table, client=client)
        remount("ro")
        assert_failed(run(*command, "--table", table), "Read-only file system", str(table))
        assert run("status", "--table", table).exit_code == 0
        assert final_values(table) == filled.values(SPAN[0], "2026-05-03")
        assert_failed(run(*BACKFILL, "--table", tmp_path / "disk" / "other"), "Read-only file system")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_an_error(filled: Exchange, client: MarketData, table: Path) -> None:
    backfill(BTC, "1h", SPAN[0], "2026-05-03", table, client=client)
    folders = [table, *(path for path in table.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert_failed(run(*BACKFILL, "--table", table), "Permission denied", str(table))
        assert final_values(table) == filled.values(SPAN[0], "2026-05-03")
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_file_size_limit_is_an_error_and_commits_are_intact(
    exchange: Exchange, client: MarketData, table: Path
) -> None:
    """Like a disk quota, but nothing needs to be mounted."""
    exchange.fill(BTC, "2026-05-01", "2026-05-06", MINUTE)
    backfill(BTC, "1m", "2026-05-01", "2026-05-02", table, client=client)
    before, coverage = final_values(table, BTC, "1m"), Table(table).coverage
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="intact") as caught:
            backfill(BTC, "1m", "2026-05-01", "2026-05-06", table, client=client)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert (final_values(table, BTC, "1m"), Table(table).coverage) == (before, coverage)
    backfill(BTC, "1m", "2026-05-01", "2026-05-06", table, client=client)
    assert len(final_values(table, BTC, "1m")) == 5 * 1440

"""The files of a table, and exact reads by other engines without this package."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import deltalake
import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest

from allium_market_data import MarketData
from allium_market_data.model.times import micros
from allium_market_data.store import backfill
from allium_market_data.validation import to_instant
from support.exchange import BTC, ETH, Exchange

SPAN = "2026-03-20", "2026-05-12"
MAY = to_instant("2026-05-01", "s")


@pytest.fixture
def table(exchange: Exchange, client: MarketData, tmp_path: Path) -> Path:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-03-01", "2026-05-20")
    exchange.put(BTC, "2026-05-03T04:00", "99999999999999999999.999999999999999999", "0.000000000000000001")
    backfill([BTC, ETH], "1h", *SPAN, tmp_path / "oi", client=client)
    backfill([BTC], "1d", *SPAN, tmp_path / "oi", client=client)
    return tmp_path / "oi"


@pytest.fixture
def may(exchange: Exchange) -> list[tuple[Any, ...]]:
    """The rows of one market and month on the server."""
    return [(label, *values) for label, values in exchange.values("2026-05-01", "2026-05-12").items()]


def is_may(path: Any) -> bool:
    decoded = unquote(unquote(str(path)))  # encoded on disk, and again in the log
    return f"interval=1h/market_id={BTC}/month=2026-05/" in decoded


def test_a_month_of_a_market_is_one_folder(table: Path) -> None:
    actions = deltalake.DeltaTable(table).get_add_actions(flatten=True)
    paths, rows = (actions.column(name).to_pylist() for name in ("path", "num_records"))
    assert [count for path, count in zip(paths, rows, strict=True) if is_may(path)] == [11 * 24]
    assert len(paths) == 9, "three months of three series"


def test_pyarrow_reads_a_month_of_a_market_from_its_folder(table: Path, may: list[Any]) -> None:
    dataset = deltalake.DeltaTable(table).to_pyarrow_dataset()
    month = (ds.field("interval") == "1h") & (ds.field("market_id") == BTC) & (ds.field("month") == "2026-05")
    fragments = list(dataset.get_fragments(filter=month))
    assert len(fragments) == 1
    assert is_may(fragments[0].path)
    rows = dataset.to_table(filter=month).sort_by("ts").to_pylist()
    assert [(row["ts"], row["oi_base"], row["oi_quote_usd"]) for row in rows] == may


def test_pyarrow_skips_months_by_time(table: Path) -> None:
    dataset = deltalake.DeltaTable(table).to_pyarrow_dataset()
    fragments = list(dataset.get_fragments(filter=ds.field("ts") >= MAY))
    assert len(fragments) == 3
    assert all("month=2026-05" in fragment.path for fragment in fragments)


def test_polars_reads_exact_decimals(table: Path, may: list[Any]) -> None:
    frame = (
        pl.scan_delta(str(table))
        .filter(pl.col("interval") == "1h", pl.col("market_id") == BTC, pl.col("month") == "2026-05")
        .sort("ts")
        .select("ts", "oi_base", "oi_quote_usd")
    )
    result = frame.collect()
    assert result.schema["oi_base"] == pl.Decimal(38, 18)
    assert result.rows() == may
    assert pl.read_delta(str(table)).height == 2 * 53 * 24 + 53


def test_duckdb_reads_the_files_in_the_log(table: Path, may: list[Any]) -> None:
    """DuckDB's own Delta extension would need a download."""
    files = deltalake.DeltaTable(table).file_uris()
    sql = """
        SELECT epoch_us(ts), oi_base, oi_quote_usd FROM read_parquet(?, hive_partitioning = true)
        WHERE interval = '1h' AND market_id = ? AND month = '2026-05' ORDER BY ts
    """
    with duckdb.connect() as connection:
        rows = connection.execute(sql, [files, BTC]).fetchall()
        kinds = connection.execute("SELECT DISTINCT typeof(oi_base) FROM read_parquet(?)", [files]).fetchall()
        plan = str(connection.execute("EXPLAIN ANALYZE " + sql, [files, BTC]).fetchall())
    assert kinds == [("DECIMAL(38,18)",)]
    assert rows == [(micros(ts), base, quote) for ts, base, quote in may]
    assert len(files) == 9
    assert "1/9" in plan, "files are skipped by the names of their folders"


def test_duckdb_reads_the_table_through_arrow(table: Path) -> None:
    oi = deltalake.DeltaTable(table).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.register("oi", oi)
        count, largest = connection.execute(
            "SELECT count(*), max(oi_base) FROM oi WHERE interval = '1h' AND market_id = ?", [BTC]
        ).fetchall()[0]
    assert (count, largest) == (53 * 24, Decimal("99999999999999999999.999999999999999999"))


def test_decimals_have_no_statistics(table: Path) -> None:
    """Delta would round them to floats."""
    actions = deltalake.DeltaTable(table).get_add_actions(flatten=True)
    names = [str(name) for name in actions.schema.names]
    assert {name for name in names if name.startswith(("min.", "max."))} == {
        f"{end}.{name}" for end in ("min", "max") for name in ("ts", "provisional")
    }

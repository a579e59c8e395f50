"""Series from tables: round trips through files and engines, and tables that are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allium_market_data import OpenInterestSeries
from allium_market_data.errors import UsageError
from support.sample_series import MARKET, columns, instant, series


def test_rows_come_back_from_parquet_polars_and_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    original = series([0, 1, 4], 0, 6)
    original.to_parquet(path)
    from_parquet = OpenInterestSeries.from_frame(pq.read_table(path))
    assert from_parquet == original
    assert from_parquet.provenance.specification == "5f" * 32
    assert from_parquet.provenance.base_url == "https://api.allium.so"
    assert from_parquet.densify(fill="last")[-1].filled
    span: dict[str, Any] = {"interval": "1m", "start": original.start, "end": original.end}
    assert OpenInterestSeries.from_frame(pl.read_parquet(path), **span) == original
    with duckdb.connect() as database:
        table = database.sql(f"FROM '{path}' ORDER BY ts DESC").to_arrow_table()
    from_duckdb = OpenInterestSeries.from_frame(table, **span)
    assert from_duckdb == original
    assert (from_duckdb.provenance.base_url, from_duckdb.provenance.requests) == ("unknown", 0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", b"market_id,ts\na,b,c\n", "cannot read .*rows.csv as csv: .*Expected 2 columns, got 3"),
        ("rows.jsonl", b"market_id,ts\n", "cannot read .*rows.jsonl as jsonl: JSON parse error"),
        ("rows.parquet", b"PAR1", "cannot read .*rows.parquet as parquet"),
        ("rows.arrow", b"", "cannot read .*rows.arrow as arrow"),
        ("rows.arrow", None, "cannot read .*rows.arrow as arrow: .*No such file"),
        ("rows.jsonl", None, "cannot read .*rows.jsonl as jsonl: .*No such file"),
        ("rows.txt", b"", r"cannot tell the format of .*rows.txt: name it .csv, .jsonl, .parquet, .arrow"),
        ("rows.csv", b"market_id,ts,oi_base,oi_quote_usd\n", "missing column provisional"),
        ("rows.csv", b"market_id,ts,oi_base,oi_quote_usd,provisional\n", "does not say its interval: pass interval="),
    ],
)
def test_a_file_that_is_not_ours_is_refused(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        OpenInterestSeries.from_file(tmp_path / name)


def test_the_time_of_the_fetch_is_given_or_inferred() -> None:
    table = series(columns([0, 5, 6], provisional=[6]), 0, 60).to_arrow()
    with_column = table.append_column("fetched_at", pa.array([instant(8)] * 3, pa.timestamp("us", tz="UTC")))
    final = series([0, 5], 0, 60).to_arrow()
    for source, fetched, finished in (
        (table, instant(9), instant(9)),
        (with_column, None, instant(8)),
        (table, None, instant(7)),  # the end of the first provisional bucket
        (final, None, instant(60)),  # the end of the span
    ):
        assert OpenInterestSeries.from_frame(source, fetched=fetched).provenance.finished == finished


def table_with(name: str, values: list[Any], kind: Any = None) -> pa.Table:
    """Two rows with another column ``name``."""
    table = series([0, 1]).to_arrow()
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ([1, 2], {}, "list does not support the Arrow PyCapsule interface"),
        (series([0]).to_arrow().drop_columns(["ts", "oi_base"]), {}, "missing column ts, oi_base"),
        (series([0]).to_arrow(decimals="float"), {}, "column oi_base is double; only decimals and text"),
        (table_with("oi_base", [Decimal("-1"), Decimal("1")]), {}, "oi_base in row 0 is '-1', not a plain"),
        (table_with("oi_base", ["1", None]), {}, "oi_base in row 1 is None"),
        (table_with("oi_base", ["1", "NaN"]), {}, "oi_base in row 1 is 'NaN'"),
        (table_with("ts", [instant(0), instant(0)]), {}, "2026-05-01T00:00:00Z occurs twice"),
        (table_with("ts", [instant(0), None]), {}, "ts is null in some row"),
        (table_with("ts", ["soon", "later"]), {}, "column ts is not a time"),
        (table_with("provisional", [True, None]), {}, "provisional is null in some row"),
        (table_with("provisional", ["no", "no"]), {}, "column provisional is string, not bool"),
        (table_with("market_id", ["a", "b"]), {}, "2 values of market_id: choose one with market_id="),
        (series([0, 1]).to_arrow(), {"interval": "1h"}, "interval of the rows is 1m, not 1h: resample"),
        (series([0, 1]).to_arrow(), {"end": instant(9)}, "the table covers .*, not all of"),
        (series([0, 1]).to_arrow(), {"start": instant(2)}, "is not before"),
        (series([0, 1]).to_arrow().replace_schema_metadata({}), {}, "does not say its interval: pass interval="),
        (series([0]).to_arrow().replace_schema_metadata({}), {"interval": "1m"}, "complete: pass start="),
        (
            series([0, 1]).to_arrow().replace_schema_metadata({}),
            {"interval": "1h", "start": instant(0), "end": instant(60)},
            "2026-05-01T00:01:00Z is not on a boundary",
        ),
    ],
)
def test_a_table_that_is_not_a_series_is_refused(table: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OpenInterestSeries.from_frame(table, **options)


def test_a_column_interval_selects_rows() -> None:
    hours, minutes = (series([0, 1], interval=name).to_arrow().replace_schema_metadata({}) for name in ("1h", "1m"))
    table = pa.concat_tables(
        [part.append_column("interval", pa.repeat(name, 2)) for part, name in ((hours, "1h"), (minutes, "1m"))]
    )
    span: dict[str, Any] = {"market_id": MARKET, "start": instant(0), "end": instant(120)}
    assert [row.ts for row in OpenInterestSeries.from_frame(table, interval="1h", **span)] == [instant(0), instant(60)]
    with pytest.raises(UsageError, match="2 values of interval: choose one"):
        OpenInterestSeries.from_frame(table, **span)

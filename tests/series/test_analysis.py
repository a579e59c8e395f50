"""What the analysis refuses, and cases told by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allium_market_data import MarketData, OpenInterestSeries, align, totals
from allium_market_data.errors import IncompleteError, OutputError, PrecisionError, UsageError
from support.sample_series import MARKET, columns, instant, series
from support.serving import Sandbox


@pytest.mark.parametrize("market", ["bitmex:perp:XBTUSD", "hl:perp:BTC-USDC"])
def test_resampled_minutes_are_the_hours_of_the_served_sandbox(sandbox: Sandbox, market: str) -> None:
    start, end = ("2019-12-26", "2019-12-29") if "bitmex" in market else ("2026-03-01", "2026-03-04")
    with MarketData(sandbox.key, sandbox.url) as client:
        minutes = client.open_interest(market, interval="1m", start=start, end=end)
        for interval in ("5m", "1h", "1d"):
            coarse = client.open_interest(market, interval=interval, start=start, end=end)
            assert minutes.resample(interval) == coarse
            assert len(coarse)


def test_the_last_value_of_a_bucket_counts_and_a_cut_bucket_is_left_out() -> None:
    one = series([1, 3, 4, 6, 11], 0, 13).resample("5m")
    assert [(row.ts, row.oi_base) for row in one] == [
        (instant(0), Decimal("4.5")),
        (instant(5), Decimal("6.5")),
    ]
    assert (one.start, one.end, one.interval, one.gaps()) == (instant(0), instant(10), "5m", [])


def test_a_bucket_under_way_is_provisional_when_nothing_behind_the_span_had_begun() -> None:
    rows = columns([3, 4, 6], provisional=[6])
    one = series(rows, 0, 7, finished=instant(7))
    one = replace(one, provenance=replace(one.provenance, started=instant(6)))
    assert [(row.ts, row.provisional) for row in one.resample("5m")] == [(instant(0), False), (instant(5), True)]


def test_a_span_that_covers_no_bucket_gives_no_row_and_no_gap() -> None:
    one = series([1], 1, 3).resample("1h")
    assert (len(one), one.gaps(), one.start) == (0, [], one.end)


def test_the_same_interval_is_the_series_itself() -> None:
    one = series([1, 2])
    assert one.resample("1m") is one


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: one.resample("1m"), "cannot resample 5m to 1m"),
        (lambda one: one.resample("2h"), "unknown interval '2h'"),
        (lambda one: one.resample("1h", label="middle"), "unknown label 'middle'"),
        (lambda one: one.densify(fill="next"), "unknown fill 'next'"),
        (lambda one: one.implied_price(decimals="fraction"), "unknown decimals 'fraction'"),
        (lambda one: one.implied_price(digits=0), "digits must be a whole number"),
        (lambda one: align(), "at least one series"),
        (lambda one: align(one, one), "occurs twice"),
        (lambda one: align(one, series([1], market_id="a:b:c")), "cannot align intervals 5m and 1m"),
        (lambda one: align(one, series([9], 9, interval="5m", market_id="a:b:c")), "no common span"),
        (lambda one: totals(one, missing="zero"), "missing must be 'error' or 'skip'"),  # type: ignore[arg-type]
        (lambda one: totals(one, amount="price"), "amount one of"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_call_says_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(series([0, 1], interval="5m"))


def test_a_total_with_a_hole_says_where_and_what_to_do() -> None:
    one, other = series([0, 1, 2]), series([0], 0, 3, market_id="a:b:c")
    with pytest.raises(
        IncompleteError,
        match=r'a:b:c has no row in 2 of 3 buckets, the first at 2026-05-01T00:01:00Z .* missing="skip"',
    ):
        totals(one, other)
    assert [(total.total, total.markets) for total in totals(one, other, missing="skip")] == [
        (Decimal("1.00"), 2),
        (Decimal("1.50"), 1),
        (Decimal("2.50"), 1),
    ]


def test_a_price_beyond_floats_is_an_error_and_fine_as_a_decimal() -> None:
    one = series(columns([0], ["0." + "0" * 200 + "1"], ["9" * 200]))
    with pytest.raises(PrecisionError, match=f"the price of {MARKET} at 2026-05-01T00:00:00Z"):
        one.implied_price(decimals="float")
    assert one.implied_price(digits=3) == [Decimal("1.00E+401")]


def test_a_price_without_a_base_is_none() -> None:
    one = series(columns([0, 1], ["0.00", "2"], ["0", "3"]))
    assert (one.implied_price(), one.implied_price(decimals="float")) == ([None, Decimal("1.5")], [None, 1.5])


def test_dense_and_aligned_frames_hold_nulls_and_exact_decimals() -> None:
    one, other = series([0, 2]), series([1], 0, 3, market_id="a:b:c")
    dense = one.densify(fill="last")
    assert dense.to_polars()["oi_base"].to_list() == [Decimal("0.5"), Decimal("0.5"), Decimal("2.5")]
    assert dense.to_polars()["filled"].to_list() == [False, True, False]
    assert repr(dense) == f"<DenseSeries {MARKET!r} 1m: 3 rows, 1 filled, 0 empty>"
    assert dense[1:2] == [dense[1]]
    aligned = align(one, other)
    assert repr(aligned) == "<Aligned 2 markets 1m 2026-05-01T00:00:00Z to 2026-05-01T00:03:00Z: 3 buckets>"
    assert aligned.to_polars()["a:b:c:oi_quote_usd"].to_list() == [None, Decimal("1.5"), None]
    assert str(aligned.to_pandas()[f"{MARKET}:oi_base"].dtype).startswith("decimal128(38, 18)")
    assert str(dense.to_pandas()["oi_base"].dtype).startswith("decimal128(38, 18)")


def test_a_digit_too_many_in_a_wide_table_names_its_column() -> None:
    one = series(columns([0], ["0." + "0" * 76 + "1"]), 0, 2)
    with pytest.raises(PrecisionError, match=f"{MARKET}:oi_base at 2026-05-01T00:00:00Z"):
        align(one).to_arrow()


def test_rows_come_back_from_parquet_and_through_engines(tmp_path: Path) -> None:
    one = series([0, 1, 4], 0, 6)
    one.to_parquet(tmp_path / "rows.parquet")
    found = OpenInterestSeries.from_frame(pq.read_table(tmp_path / "rows.parquet"))
    assert found == one
    assert (found.provenance.specification, found.provenance.base_url) == ("5f" * 32, "https://api.allium.so")
    assert found.densify(fill="last")[-1].filled
    span = {"interval": "1m", "start": one.start, "end": one.end}
    assert OpenInterestSeries.from_frame(pl.read_parquet(tmp_path / "rows.parquet"), **span) == one  # type: ignore[arg-type]
    with duckdb.connect() as database:
        table = database.sql(f"FROM '{tmp_path / 'rows.parquet'}' ORDER BY ts DESC").to_arrow_table()
    again = OpenInterestSeries.from_frame(table, **span)  # type: ignore[arg-type]
    assert again == one
    assert (again.provenance.base_url, again.provenance.requests) == ("unknown", 0)


def test_the_fetch_of_a_table_is_told_or_inferred() -> None:
    one = series(columns([0, 5, 6], provisional=[6]), 0, 60)
    table = one.to_arrow()
    finished = OpenInterestSeries.from_frame(table).provenance.finished
    assert finished == instant(7)
    assert OpenInterestSeries.from_frame(table, fetched=instant(9)).provenance.finished == instant(9)
    stamped = table.append_column("fetched_at", pa.array([instant(8)] * 3, pa.timestamp("us", tz="UTC")))
    assert OpenInterestSeries.from_frame(stamped).provenance.finished == instant(8)
    settled = series([0, 5], 0, 60).to_arrow()
    assert OpenInterestSeries.from_frame(settled).provenance.finished == instant(60)


def changed(name: str, values: list[Any], kind: Any = None) -> pa.Table:
    table = series([0, 1]).to_arrow()
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ([1, 2], {}, "list does not support the Arrow PyCapsule interface"),
        (series([0]).to_arrow().drop_columns(["ts", "oi_base"]), {}, "missing column ts, oi_base"),
        (series([0]).to_arrow(decimals="float"), {}, "column oi_base is double; only decimals and text"),
        (changed("oi_base", [Decimal("-1"), Decimal("1")]), {}, "oi_base in row 0 is '-1', not a plain"),
        (changed("oi_base", ["1", None]), {}, "oi_base in row 1 is None"),
        (changed("oi_base", ["1", "NaN"]), {}, "oi_base in row 1 is 'NaN'"),
        (changed("ts", [instant(0), instant(0)]), {}, "2026-05-01T00:00:00Z occurs twice"),
        (changed("ts", [instant(0), None]), {}, "ts is null in some row"),
        (changed("ts", ["soon", "later"]), {}, "column ts is not a time"),
        (changed("provisional", [True, None]), {}, "provisional is null in some row"),
        (changed("provisional", ["no", "no"]), {}, "column provisional is string, not bool"),
        (changed("market_id", ["a", "b"]), {}, "2 values of market_id: choose one with market_id="),
        (series([0, 1]).to_arrow(), {"interval": "1h"}, "interval of the rows is 1m, not 1h: resample"),
        (series([0, 1]).to_arrow(), {"end": instant(9)}, "the table covers .*, not all of"),
        (series([0, 1]).to_arrow(), {"start": instant(2)}, "is not before"),
        (series([0, 1]).to_arrow().replace_schema_metadata({}), {}, "0 values of interval: choose one"),
        (series([0]).to_arrow().replace_schema_metadata({}), {"interval": "1m"}, "complete: pass start="),
        (
            series([0, 1]).to_arrow().replace_schema_metadata({}),
            {"interval": "1h", "start": instant(0), "end": instant(60)},
            "2026-05-01T00:01:00Z is not on a boundary",
        ),
    ],
)
def test_a_table_that_is_no_series_is_refused(table: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OpenInterestSeries.from_frame(table, **options)


def test_a_column_of_intervals_selects() -> None:
    hours, minutes = (series([0, 1], interval=name).to_arrow().replace_schema_metadata({}) for name in ("1h", "1m"))
    table = pa.concat_tables(
        [part.append_column("interval", pa.repeat(name, 2)) for part, name in ((hours, "1h"), (minutes, "1m"))]
    )
    span: dict[str, Any] = {"market_id": MARKET, "start": instant(0), "end": instant(120)}
    assert [row.ts for row in OpenInterestSeries.from_frame(table, interval="1h", **span)] == [instant(0), instant(60)]
    with pytest.raises(UsageError, match="2 values of interval: choose one"):
        OpenInterestSeries.from_frame(table, **span)


def test_plot_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(OutputError, match=r"allium-market-data\[plot\]"):
        series([0]).plot()

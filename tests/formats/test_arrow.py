"""Arrow tables and the frames made from them: columns, types, and exact decimals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from allium_market_data.errors import OutputError, PrecisionError, UsageError
from allium_market_data.formats.arrow import Decimals, RowSchema, source_metadata, to_table
from allium_market_data.formats.decimal_width import DecimalWidth
from allium_market_data.model.intervals import INTERVALS, Interval
from allium_market_data.model.rows import Columns
from allium_market_data.series.align import align
from allium_market_data.series.series import OpenInterestSeries
from support.sample_series import FIELDS, MARKET, START, columns, instant, series

mpl.use("agg")
NINES = "9" * 38
DEFAULT = pa.decimal128(38, 18)


def series_of(*values: str) -> OpenInterestSeries:
    """A series with these values of oi_base."""
    return series(columns(range(len(values)), values, ["1"] * len(values)))


class TestTable:
    def test_columns_types_and_values(self) -> None:
        table = series(columns([0, 1], ["12483.50", "7"], ["1.10", "0"], provisional=[1])).to_arrow()
        assert table.schema == pa.schema(
            [
                ("market_id", pa.string()),
                ("ts", pa.timestamp("us", tz="UTC")),
                ("oi_base", DEFAULT),
                ("oi_quote_usd", DEFAULT),
                ("provisional", pa.bool_()),
            ]
        )
        assert table.to_pydict() == {
            "market_id": [MARKET] * 2,
            "ts": [START, instant(1)],
            "oi_base": [Decimal("12483.50"), Decimal(7)],
            "oi_quote_usd": [Decimal("1.10"), Decimal(0)],
            "provisional": [False, True],
        }

    @pytest.mark.parametrize("decimals", ["exact", "text", "float"])
    def test_an_empty_series_has_the_same_schema(self, decimals: Decimals) -> None:
        assert series([]).to_arrow(decimals=decimals).schema == series([0]).to_arrow(decimals=decimals).schema
        assert to_table([], "1m", RowSchema(FIELDS)).schema == series([]).to_arrow().schema
        assert len(to_table([(MARKET, Columns.empty(2))], "1h", RowSchema(FIELDS))) == 0

    def test_metadata_names_the_source(self) -> None:
        assert series([0], 0, 3).to_arrow().schema.metadata == {
            b"source": b"Allium Market Data API (unofficial client)",
            b"specification": b"5f" * 32,
            b"client_version": b"0.1.0",
            b"interval": b"1m",
            b"start": b"2026-05-01T00:00:00Z",
            b"end": b"2026-05-01T00:03:00Z",
            b"base_url": b"https://api.allium.so",
        }

    def test_metadata_has_no_secret_from_the_base_url(self) -> None:
        metadata = source_metadata(
            interval="1m",
            start=START,
            end=START,
            base_url="https://user:secret@host:8443/base?key=secret#secret",
            specification="",
            client_version="",
        )
        assert metadata["base_url"] == "https://host:8443/base"

    @pytest.mark.parametrize("interval", INTERVALS)
    @pytest.mark.parametrize("buckets", [range(3000), [0, 1, 5, 6, 7, 2000], range(0, 400, 2), [-9_000, 0]])
    def test_timestamps_are_those_of_the_rows(self, interval: Interval, buckets: range | list[int]) -> None:
        rows = columns(buckets, interval=interval)
        assert to_table([(MARKET, rows)], interval, RowSchema(FIELDS))["ts"].to_pylist() == rows.ts

    def test_timestamps_far_from_today_are_exact(self) -> None:
        for year, month, day in ((1, 1, 2), (1969, 12, 31), (9999, 12, 30)):
            midnight = datetime(year, month, day, tzinfo=UTC)
            rows = Columns([midnight], (["1"], ["1"]), [False])
            assert to_table([(MARKET, rows)], "1d", RowSchema(FIELDS))["ts"].to_pylist() == [midnight]

    def test_several_markets_follow_each_other(self) -> None:
        table = to_table([("a", columns([0])), ("b", columns([0, 1], ["1", NINES]))], "1m", RowSchema(FIELDS))
        assert table["market_id"].to_pylist() == ["a", "b", "b"]
        assert table["oi_base"].to_pylist() == [Decimal("0.50"), 1, Decimal(NINES)]

    def test_many_rows_are_split_into_several_arrays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("allium_market_data.formats.arrow.CHUNK", 2)
        five = series([0, 1, 3, 4, 5])
        assert five.to_arrow()["ts"].num_chunks == 3
        assert five.to_arrow()["ts"].to_pylist() == five.columns.ts

    def test_a_market_that_utf_8_cannot_encode_is_an_error(self) -> None:
        with pytest.raises(OutputError, match="ud800"):
            series([0], market_id="\ud800").to_arrow()


class TestDecimalTypes:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (["0"], DEFAULT),
            (["0.000000000000000000"], DEFAULT),
            (["9" * 20 + "." + "9" * 18], DEFAULT),
            (["1" + "0" * 19], DEFAULT),
            (["1." + "0" * 37], DEFAULT),
            (["0" * 80 + "1." + "5" + "0" * 80], DEFAULT),
            (["12345678901234567890.123456789" + "0" * 30], DEFAULT),
            (["9" * 21], pa.decimal128(38, 0)),
            (["1" + "0" * 20], pa.decimal128(38, 0)),
            ([NINES], pa.decimal128(38, 0)),
            (["9" * 21 + ".50"], pa.decimal128(38, 1)),
            (["0." + "0" * 18 + "1"], pa.decimal128(38, 19)),
            (["1." + "0" * 36 + "1"], pa.decimal128(38, 37)),
            (["0." + NINES], pa.decimal128(38, 38)),
            (["9" * 21, "0." + "0" * 17 + "1"], pa.decimal256(76, 18)),
            (["9" * 39], pa.decimal256(76, 0)),
            ([NINES + "." + NINES], pa.decimal256(76, 38)),
            (["0." + "9" * 76], pa.decimal256(76, 76)),
            (["9" * 76], pa.decimal256(76, 0)),
            (["000" + "9" * 76 + ".000"], pa.decimal256(76, 0)),
        ],
    )
    def test_the_narrowest_type_that_holds_all_values(self, values: list[str], kind: pa.DataType) -> None:
        table = series_of(*values, "0").to_arrow()
        assert table["oi_base"].type == kind
        assert table["oi_base"].to_pylist() == [Decimal(value) for value in (*values, "0")]
        assert table["oi_quote_usd"].type == DEFAULT

    @pytest.mark.parametrize("value", ["9" * 77, "0." + "9" * 77, "9" * 76 + ".1", "1" * 200])
    def test_a_value_that_fits_no_type_is_refused_with_its_row(self, value: str) -> None:
        with pytest.raises(PrecisionError) as caught:
            series_of("1", value, "2").to_arrow()
        for part in ("oi_base", MARKET, "2026-05-01T00:01:00Z", value[:100], 'decimals="text"'):
            assert part in str(caught.value)

    def test_values_that_fit_only_separately_are_refused(self) -> None:
        with pytest.raises(PrecisionError, match="40 digits before the point and 40 after it") as caught:
            series_of("9" * 40, "1", "0." + "9" * 40).to_arrow()
        assert "00:02:00Z" in str(caught.value)

    def test_text_that_is_not_a_decimal_is_an_error(self) -> None:
        with pytest.raises(OutputError, match="oi_base"):
            series_of("nonsense").to_arrow()

    @pytest.mark.parametrize("precision", [38, 76])
    def test_arrow_never_overflows_silently(self, precision: int) -> None:
        """Arrow alone parses text with a digit or two too many as another number."""
        for digits in range(precision - 1, precision + 5):
            value = "9" * digits
            try:
                assert series_of(value).to_arrow()["oi_base"].to_pylist() == [Decimal(value)]
            except PrecisionError:
                assert digits > 76

    def test_the_type_of_a_union_holds_both_widths(self) -> None:
        widths = [DecimalWidth(whole, fraction) for whole in range(0, 77, 4) for fraction in range(0, 77, 4)]
        for width in widths:
            for other in widths:
                kind = width.union(other).type
                if kind is not None:
                    assert kind[1] >= width.fraction
                    assert kind[0] - kind[1] >= width.whole


def test_text_is_kept_as_the_server_wrote_it() -> None:
    values = ["12483.50", "007", "9" * 100]
    table = series_of(*values).to_arrow(decimals="text")
    assert table["oi_base"].type == pa.string()
    assert table["oi_base"].to_pylist() == values


def test_floats_are_the_nearest() -> None:
    values = ["0.1", "12345678901234567890.123456789", "1.7976931348623157" + "0" * 20]
    assert series_of(*values).to_arrow(decimals="float")["oi_base"].to_pylist() == [float(value) for value in values]


def test_a_value_out_of_range_for_a_float_is_refused() -> None:
    with pytest.raises(PrecisionError, match="00:01:00Z"):
        series_of("1", "9" * 400).to_arrow(decimals="float")


def test_an_unknown_representation_of_decimals_is_refused() -> None:
    with pytest.raises(UsageError, match="exact, text, float"):
        series_of("1").to_arrow(decimals="double")  # type: ignore[arg-type]


def test_polars_holds_exact_decimals() -> None:
    frame = series_of("12483.50", "9" * 20 + "." + "9" * 18).to_polars()
    assert frame.schema["oi_base"] == pl.Decimal(38, 18)
    assert frame.schema["ts"] == pl.Datetime("us", "UTC")
    assert frame["oi_base"].to_list() == [Decimal("12483.50"), Decimal("9" * 20 + "." + "9" * 18)]


def test_polars_refuses_more_than_38_digits() -> None:
    with pytest.raises(PrecisionError, match=r'oi_base .*decimals="text"'):
        series_of("9" * 39).to_polars()
    assert series_of("9" * 39).to_polars(decimals="text")["oi_base"].to_list() == ["9" * 39]
    assert series_of("9" * 39).to_polars(decimals="float")["oi_base"].to_list() == [1e39]


def test_pandas_holds_exact_decimals_in_an_arrow_dtype() -> None:
    frame = series_of("12483.50", "7").to_pandas(decimals="exact")
    assert frame["oi_base"].dtype == pd.ArrowDtype(DEFAULT)
    assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
    assert frame["oi_base"].tolist() == [Decimal("12483.50"), Decimal(7)]
    assert list(frame.columns) == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"]
    assert series_of("9" * 76).to_pandas(decimals="exact")["oi_base"].tolist() == [Decimal("9" * 76)]


def test_pandas_holds_text_on_request() -> None:
    assert series_of("1.50").to_pandas(decimals="text")["oi_base"].tolist() == ["1.50"]


@pytest.mark.filterwarnings("ignore:The locs attribute")  # pandas 2.2 with matplotlib 3.11
def test_what_people_do_in_pandas_works_on_the_default() -> None:
    amounts = series_of("100", "150", "75").to_pandas().set_index("ts")["oi_base"]
    assert str(amounts.dtype) == "float64"
    assert amounts.diff().tolist()[1:] == [50, -75]
    assert amounts.pct_change().tolist()[1:] == [0.5, -0.5]
    assert (amounts / amounts.shift(1)).tolist()[1:] == [1.5, 0.5]
    assert np.log(amounts).iloc[0] == np.log(100)
    assert amounts.describe()["max"] == amounts.rolling(2).max().iloc[1] == 150
    assert amounts.plot().get_lines()[0].get_ydata().tolist() == [100, 150, 75]


def test_what_people_do_in_polars_works_on_the_exact_default() -> None:
    amounts = series_of("100", "150", "75").to_polars()["oi_base"]
    assert str(amounts.dtype) == "Decimal(precision=38, scale=18)"
    assert amounts.diff().to_list()[1:] == [Decimal("50"), Decimal("-75")]
    assert amounts.pct_change().to_list()[1:] == [0.5, -0.5]
    assert (amounts / amounts.shift(1)).to_list()[1:] == [Decimal("1.5"), Decimal("0.5")]
    assert amounts.log().round(6).to_list()[0] == 4.60517
    assert amounts.describe().height > 0


FRAMED = [series_of("12483.50", "9" * 20), series_of("12483.50").densify(), align(series_of("1", "2"))]


@pytest.mark.parametrize("rows", FRAMED, ids=lambda rows: type(rows).__name__)
def test_any_arrow_library_reads_the_rows_as_they_are(rows: Any) -> None:
    assert pa.table(rows) == rows.to_arrow()
    assert pl.DataFrame(rows).equals(rows.to_polars())


def test_a_polars_frame_of_the_rows_loses_no_digit_of_a_long_decimal() -> None:
    """Row by row polars makes null of a decimal with more than 20 digits before the point."""
    assert pl.DataFrame(series_of("9" * 36 + ".5"))["oi_base"].to_list() == [Decimal("9" * 36 + ".5")]


def test_a_pandas_frame_of_the_rows_is_exact() -> None:
    two = series_of("12483.50", "9" * 36 + ".5")
    frame = pd.DataFrame(two)
    assert list(frame.columns) == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"]
    assert frame["oi_base"].tolist() == [Decimal("12483.50"), Decimal("9" * 36 + ".5")]
    assert str(frame["ts"].dtype) in ("datetime64[us, UTC]", "datetime64[ns, UTC]")  # as pandas 2 infers it
    assert pd.DataFrame(two.densify())["oi_base"].tolist() == frame["oi_base"].tolist()


def test_an_array_of_aligned_markets_is_refused() -> None:
    with pytest.raises(UsageError, match=r"use to_pandas\(\)"):
        pd.DataFrame(align(series_of("1")))


def test_a_requested_arrow_schema_never_rounds() -> None:
    wide = series_of("1.50").to_arrow().schema.set(2, pa.field("oi_base", pa.decimal256(76, 18)))
    narrow = wide.set(2, pa.field("oi_base", pa.decimal128(38, 1)))
    assert pa.table(series_of("1.50"), schema=wide)["oi_base"].to_pylist() == [Decimal("1.5")]
    assert pa.table(series_of("1.50"), schema=narrow)["oi_base"].to_pylist() == [Decimal("1.5")]
    with pytest.raises(pa.ArrowInvalid):
        pa.table(series_of("1.55"), schema=narrow)


@pytest.mark.parametrize(
    ("module", "extra", "convert"),
    [
        ("pyarrow", "arrow", OpenInterestSeries.to_arrow),
        ("pyarrow", "arrow", OpenInterestSeries.__arrow_c_stream__),
        ("polars", "polars", OpenInterestSeries.to_polars),
        ("pandas", "pandas", OpenInterestSeries.to_pandas),
    ],
)
def test_a_missing_extra_is_named(
    module: str, extra: str, convert: Callable[[OpenInterestSeries], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=rf"pip install 'allium-market-data\[{extra}\]'"):
        convert(series([0]))

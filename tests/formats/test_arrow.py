from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from allium_market_data.errors import OutputError, PrecisionError, UsageError
from allium_market_data.formats.arrow import Decimals, RowSchema, source_metadata, to_table
from allium_market_data.formats.decimal_width import DecimalWidth
from allium_market_data.model.intervals import INTERVALS, Interval
from allium_market_data.model.rows import Columns
from allium_market_data.series.series import OpenInterestSeries
from support.sample_series import MARKET, START, columns, instant, series

NINES = "9" * 38
DEFAULT = pa.decimal128(38, 18)


def of(*values: str) -> OpenInterestSeries:
    """A series whose first decimal column has these values."""
    return series(columns(range(len(values)), values, ["1"] * len(values)))


class TestTable:
    def test_has_the_columns_and_types_that_are_promised(self) -> None:
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
    def test_of_no_rows_has_the_same_columns(self, decimals: Decimals) -> None:
        assert series([]).to_arrow(decimals=decimals).schema == series([0]).to_arrow(decimals=decimals).schema
        assert to_table([], "1m", RowSchema()).schema == series([]).to_arrow().schema

    def test_carries_where_the_rows_came_from(self) -> None:
        assert series([0], 0, 3).to_arrow().schema.metadata == {
            b"source": b"Allium Market Data API (unofficial client)",
            b"specification": b"5f" * 32,
            b"client_version": b"0.1.0",
            b"interval": b"1m",
            b"start": b"2026-05-01T00:00:00Z",
            b"end": b"2026-05-01T00:03:00Z",
            b"base_url": b"https://api.allium.so",
        }

    def test_carries_no_secret_that_stands_in_the_url(self) -> None:
        said = source_metadata(
            interval="1m",
            start=START,
            end=START,
            base_url="https://user:secret@host:8443/base?key=secret#secret",
            specification="",
            client_version="",
        )
        assert said["base_url"] == "https://host:8443/base"

    @pytest.mark.parametrize("interval", INTERVALS)
    @pytest.mark.parametrize("buckets", [range(3000), [0, 1, 5, 6, 7, 2000], range(0, 400, 2), [-60_000_000, 0]])
    def test_counts_up_the_same_times_as_the_rows_have(self, interval: Interval, buckets: range | list[int]) -> None:
        if interval != "1m":
            buckets = [bucket for bucket in buckets if abs(bucket) < 10_000]
        one = columns(buckets, interval=interval)
        assert to_table([(MARKET, one)], interval, RowSchema())["ts"].to_pylist() == one.ts

    def test_holds_several_markets(self) -> None:
        table = to_table([("a", columns([0])), ("b", columns([0, 1], ["1", NINES]))], "1m", RowSchema())
        assert table["market_id"].to_pylist() == ["a", "b", "b"]
        assert table["oi_base"].to_pylist() == [Decimal("0.50"), 1, Decimal(NINES)]

    def test_of_many_rows_comes_in_several_arrays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("allium_market_data.formats.arrow.CHUNK", 2)
        one = series([0, 1, 3, 4, 5])
        assert one.to_arrow()["ts"].num_chunks == 3
        assert one.to_arrow()["ts"].to_pylist() == one.columns.ts

    def test_says_when_a_market_is_no_text(self) -> None:
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
    def test_are_the_narrowest_that_hold_every_value(self, values: list[str], kind: pa.DataType) -> None:
        table = of(*values, "0").to_arrow()
        assert table["oi_base"].type == kind
        assert table["oi_base"].to_pylist() == [Decimal(value) for value in (*values, "0")]
        assert table["oi_quote_usd"].type == DEFAULT

    @pytest.mark.parametrize("value", ["9" * 77, "0." + "9" * 77, "9" * 76 + ".1", "1" * 200])
    def test_refuse_what_is_wider_than_all_of_them(self, value: str) -> None:
        with pytest.raises(PrecisionError) as caught:
            of("1", value, "2").to_arrow()
        for said in ("oi_base", MARKET, "2026-05-01T00:01:00Z", value[:100], 'decimals="text"'):
            assert said in str(caught.value)

    def test_refuse_values_that_fit_alone_and_not_together(self) -> None:
        with pytest.raises(PrecisionError, match="40 digits before the point and 40 after it") as caught:
            of("9" * 40, "1", "0." + "9" * 40).to_arrow()
        assert "00:02:00Z" in str(caught.value)

    def test_say_when_a_text_is_no_decimal(self) -> None:
        with pytest.raises(OutputError, match="oi_base"):
            of("nonsense").to_arrow()

    @pytest.mark.parametrize("precision", [38, 76])
    def test_never_let_arrow_overflow_in_silence(self, precision: int) -> None:
        """Arrow alone reads one digit or two too many as another number."""
        for digits in range(precision - 1, precision + 5):
            value = "9" * digits
            try:
                assert of(value).to_arrow()["oi_base"].to_pylist() == [Decimal(value)]
            except PrecisionError:
                assert digits > 76


class TestRoom:
    def test_the_type_for_more_room_holds_what_the_type_for_less_held(self) -> None:
        rooms = [DecimalWidth(whole, fraction) for whole in range(0, 77, 4) for fraction in range(0, 77, 4)]
        for room in rooms:
            for other in rooms:
                kind = room.union(other).type
                if kind is not None:
                    assert kind[1] >= room.fraction
                    assert kind[0] - kind[1] >= room.whole


class TestText:
    def test_keeps_what_the_server_wrote(self) -> None:
        values = ["12483.50", "007", "9" * 100]
        table = of(*values).to_arrow(decimals="text")
        assert table["oi_base"].type == pa.string()
        assert table["oi_base"].to_pylist() == values


class TestFloat:
    def test_gives_the_nearest(self) -> None:
        values = ["0.1", "12345678901234567890.123456789", "1.7976931348623157" + "0" * 20]
        assert of(*values).to_arrow(decimals="float")["oi_base"].to_pylist() == [float(value) for value in values]

    def test_refuses_infinity(self) -> None:
        with pytest.raises(PrecisionError, match="00:01:00Z"):
            of("1", "9" * 400).to_arrow(decimals="float")


def test_an_unknown_kind_of_decimals_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match="exact, text, float"):
        of("1").to_arrow(decimals="double")  # type: ignore[arg-type]


class TestPolars:
    def test_holds_exact_decimals(self) -> None:
        import polars as pl

        frame = of("12483.50", "9" * 20 + "." + "9" * 18).to_polars()
        assert frame.schema["oi_base"] == pl.Decimal(38, 18)
        assert frame.schema["ts"] == pl.Datetime("us", "UTC")
        assert frame["oi_base"].to_list() == [Decimal("12483.50"), Decimal("9" * 20 + "." + "9" * 18)]

    def test_refuses_what_is_wider_than_it_can_hold(self) -> None:
        with pytest.raises(PrecisionError, match=r'oi_base .*decimals="text"'):
            of("9" * 39).to_polars()
        assert of("9" * 39).to_polars(decimals="text")["oi_base"].to_list() == ["9" * 39]
        assert of("9" * 39).to_polars(decimals="float")["oi_base"].to_list() == [1e39]


class TestPandas:
    def test_holds_exact_decimals_in_an_arrow_type(self) -> None:
        import pandas as pd

        frame = of("12483.50", "7").to_pandas()
        assert frame["oi_base"].dtype == pd.ArrowDtype(DEFAULT)
        assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
        assert frame["oi_base"].tolist() == [Decimal("12483.50"), Decimal(7)]
        assert list(frame.columns) == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"]

    def test_holds_wider_ones_too(self) -> None:
        assert of("9" * 76).to_pandas()["oi_base"].tolist() == [Decimal("9" * 76)]

    def test_holds_text_and_floats_when_asked(self) -> None:
        assert of("1.50").to_pandas(decimals="text")["oi_base"].tolist() == ["1.50"]
        assert str(of("1.50").to_pandas(decimals="float")["oi_base"].dtype) == "float64"


class TestStream:
    def test_is_read_by_whatever_reads_arrow(self) -> None:
        one = of("12483.50", "7")
        assert pa.table(one) == one.to_arrow()

    def test_turns_to_the_schema_that_is_asked_for_and_never_rounds(self) -> None:
        wide = of("1.50").to_arrow().schema.set(2, pa.field("oi_base", pa.decimal256(76, 18)))
        narrow = wide.set(2, pa.field("oi_base", pa.decimal128(38, 1)))
        assert pa.table(of("1.50"), schema=wide)["oi_base"].to_pylist() == [Decimal("1.5")]
        assert pa.table(of("1.50"), schema=narrow)["oi_base"].to_pylist() == [Decimal("1.5")]
        with pytest.raises(pa.ArrowInvalid):
            pa.table(of("1.55"), schema=narrow)


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [
        ("pyarrow", "arrow", OpenInterestSeries.to_arrow),
        ("pyarrow", "arrow", OpenInterestSeries.__arrow_c_stream__),
        ("polars", "polars", OpenInterestSeries.to_polars),
        ("pandas", "pandas", OpenInterestSeries.to_pandas),
    ],
)
def test_a_missing_extra_is_named(
    module: str, extra: str, make: Callable[[OpenInterestSeries], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=rf"pip install 'allium-market-data\[{extra}\]'"):
        make(series([0]))


def test_empty_columns_make_a_table() -> None:
    assert len(to_table([(MARKET, Columns.empty(2))], "1h", RowSchema())) == 0


def test_dates_long_ago_and_far_ahead_are_exact() -> None:
    for day in (datetime(1, 1, 2, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)):
        one = Columns([day], (["1"], ["1"]), [False])
        assert to_table([(MARKET, one)], "1d", RowSchema())["ts"].to_pylist() == [day]

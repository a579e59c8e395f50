"""Rows written to any format and read back are unchanged: a value that does not fit gets a wider type or an error."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from allium_market_data.errors import PrecisionError
from allium_market_data.formats import files
from allium_market_data.formats.decimal_width import DecimalWidth, decimal_width
from allium_market_data.formats.text import csv_line, lines
from allium_market_data.model.rows import Columns
from allium_market_data.series.generic import Series
from allium_market_data.series.series import OpenInterestSeries
from support.budget import examples
from support.funding_rates import FUNDING_RATES, FundingRate, rates
from support.sample_series import FIELDS, MARKET, columns, series

EDGE_VALUES = [
    "0",
    "0.000000000000000000",
    "0." + "0" * 80,
    "9" * 38,
    "9" * 20 + "." + "9" * 18,
    "9" * 21 + "." + "9" * 17,
    "1." + "0" * 36 + "1",
    "1." + "0" * 37,
    "0." + "0" * 37 + "1",
    "12483.50",
    "0012483.5000",
    "0" * 90 + "7",
    "1" + "0" * 37,
    "0.123456789012345678",
    "0.1234567890123456789",
    "9007199254740993",
    *("9" * digits for digits in (39, 40, 57, 76, 77, 78, 79, 100)),
    "9" * 38 + "." + "9" * 38,
    "0." + "9" * 76,
    "0." + "9" * 77,
]
"""Decimals at the limits of the types through which a number may pass."""

few = examples(15)  # each example writes files


def decimals(max_digits: int = 45) -> st.SearchStrategy[str]:
    """Decimal text: edge values, values of any length, and values like those of a market."""
    digits = st.text("0123456789", min_size=1, max_size=max_digits)
    usual = st.decimals(0, 10**12, places=8).map(lambda value: f"{value:f}")
    return st.one_of(st.sampled_from(EDGE_VALUES), usual, digits, st.tuples(digits, digits).map(".".join))


@st.composite
def rows(draw: st.DrawFn, values: st.SearchStrategy[str] | None = None) -> Columns:
    """Rows with and without gaps, some of them provisional."""
    buckets = sorted(draw(st.sets(st.integers(-1500, 2900), max_size=8)))
    if draw(st.booleans()):
        buckets = sorted({bucket + step for bucket in buckets[:2] for step in range(5)})
    texts = st.lists(decimals() if values is None else values, min_size=len(buckets), max_size=len(buckets))
    provisional = draw(st.sets(st.sampled_from(buckets))) if buckets else set()
    return columns(buckets, draw(texts), draw(texts), provisional=sorted(provisional))


market_ids = st.one_of(
    st.sampled_from(["hl:perp:BTC-USDC", 'a,"b"\r\nc', "=SUM(A1)", "-1", " ", "\x00", "🎈"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10),
)
any_series = st.builds(lambda data, market: series(data, -1500, 3001, market_id=market), rows(), market_ids)


def read_csv(original: OpenInterestSeries, folder: Path) -> list[dict[str, str]]:
    original.to_csv(folder / "f")
    with (folder / "f").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_jsonl(original: OpenInterestSeries, folder: Path) -> list[dict[str, str]]:
    original.to_jsonl(folder / "f")
    return [json.loads(line) for line in (folder / "f").read_bytes().split(b"\n")[:-1]]


def read_parquet(original: OpenInterestSeries, folder: Path) -> pa.Table:
    original.to_parquet(folder / "f", overwrite=True)
    return pq.read_table(folder / "f")


def read_arrow_file(original: OpenInterestSeries, folder: Path) -> pa.Table:
    pages = [(original.market_id, original.columns)]
    files.write(pages, folder / "f", "arrow", interval=original.interval, fields=FIELDS, overwrite=True)
    return pa.ipc.open_file((folder / "f").read_bytes()).read_all()


def records(table: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def pandas_records(original: OpenInterestSeries) -> list[tuple[Any, ...]]:
    frame = original.to_pandas(decimals="exact")
    stamps = [stamp.to_pydatetime() for stamp in frame["ts"]]
    return list(zip(*(stamps if name == "ts" else frame[name].tolist() for name in frame), strict=True))


TYPED_FORMATS: dict[str, Callable[[OpenInterestSeries, Path], list[tuple[Any, ...]]]] = {
    "arrow table": lambda original, _: records(original.to_arrow()),
    "arrow stream": lambda original, _: records(pa.RecordBatchReader.from_stream(original).read_all()),
    "parquet": lambda original, folder: records(read_parquet(original, folder)),
    "arrow file": lambda original, folder: records(read_arrow_file(original, folder)),
    "polars": lambda original, _: original.to_polars().rows(),
    "pandas": lambda original, _: pandas_records(original),
}
every_typed_format = pytest.mark.parametrize("typed_format", TYPED_FORMATS)


def width_of(column: list[str]) -> DecimalWidth:
    """The same as ``decimal_width``, computed with Decimal."""
    width = DecimalWidth()
    for value in column:
        _, figures, exponent = Decimal(value).as_tuple()
        digits = "".join(map(str, figures)).lstrip("0")
        assert isinstance(exponent, int)
        fraction = max(0, -exponent - (len(digits) - len(digits.rstrip("0")))) if digits else 0
        width = width.union(DecimalWidth(max(0, len(digits) + exponent), fraction))
    return width


def fits(column: list[str], typed_format: str) -> bool:
    return sum(width_of(column)) <= (38 if typed_format == "polars" else 76)


@pytest.mark.parametrize("read", [read_csv, read_jsonl])
@few
@given(original=any_series)
def test_text_formats_keep_every_character(
    read: Callable[[OpenInterestSeries, Path], Any], original: OpenInterestSeries
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = read(original, Path(folder))
    assert [row["market_id"] for row in lines] == [original.market_id] * len(original)
    assert [row["ts"] for row in lines] == [stamp.isoformat() for stamp in original.columns.ts]
    assert [row["oi_base"] for row in lines] == original.columns.values[0]
    assert [row["oi_quote_usd"] for row in lines] == original.columns.values[1]
    assert [row["provisional"] in ("true", True) for row in lines] == original.columns.provisional
    assert all(list(row) == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"] for row in lines)


def signed_decimals() -> st.SearchStrategy[str]:
    """Decimal text of a signed column: as ``decimals``, with and without a minus."""
    return st.builds(str.__add__, st.sampled_from(["", "-"]), decimals())


@st.composite
def any_rates(draw: st.DrawFn) -> Series[FundingRate]:
    hours = sorted(draw(st.sets(st.integers(0, 60), max_size=8)))
    texts = draw(st.lists(signed_decimals(), min_size=len(hours), max_size=len(hours)))
    provisional = draw(st.sets(st.sampled_from(hours))) if hours else set()
    return rates(texts, hours, 61, provisional=sorted(provisional))


@pytest.mark.parametrize("suffix", files.FORMATS)
@few
@given(original=any_rates())
def test_signed_decimals_come_back_from_every_file(suffix: files.Format, original: Series[FundingRate]) -> None:
    span: dict[str, Any] = {"market_id": MARKET, "interval": "1h", "start": original.start, "end": original.end}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows.{suffix}")
        try:
            files.write([(MARKET, original.columns)], path, suffix, interval="1h", fields=("rate",))
        except PrecisionError:
            assert sum(width_of(original.columns.values[0])) > 76
            return
        read_back: Series[FundingRate] = Series.from_file(path, endpoint=FUNDING_RATES, **span)
    assert read_back == original
    assert list(read_back) == list(original)


@few
@given(any_rates())
def test_signed_decimals_are_exact_in_every_frame(original: Series[FundingRate]) -> None:
    values = [row.rate for row in original]
    assert original.to_arrow(decimals="text")["rate"].to_pylist() == original.columns.values[0]
    assert original.to_pandas()["rate"].tolist() == [float(value) for value in values]
    width = sum(width_of(original.columns.values[0]))
    if width <= 76:
        assert original.to_arrow()["rate"].to_pylist() == values
        assert original.to_pandas(decimals="exact")["rate"].tolist() == values
    if width <= 38:
        assert original.to_polars()["rate"].to_list() == pl.DataFrame(original)["rate"].to_list() == values


@given(st.lists(signed_decimals(), max_size=6))
@example(["-0.5", "10"])
@example(["-100", "1.50"])
@example(["-0", "-00.00"])
@example(["-" + "0" * 30 + "1." + "9" * 37])
def test_the_width_of_signed_decimals_is_minimal(column: list[str]) -> None:
    assert decimal_width(pa.chunked_array([column], pa.string())) == width_of(column)


@pytest.mark.parametrize("suffix", files.FORMATS)
@few
@given(original=any_series)
def test_a_file_of_any_format_comes_back_as_the_same_series(suffix: files.Format, original: OpenInterestSeries) -> None:
    span: dict[str, Any] = {"interval": original.interval, "start": original.start, "end": original.end}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows.{suffix}")
        try:
            files.write(
                [(original.market_id, original.columns)], path, suffix, interval=original.interval, fields=FIELDS
            )
        except PrecisionError:
            return
        read_back = OpenInterestSeries.from_file(path, market_id=original.market_id, **span)
    assert read_back == original
    if suffix in ("csv", "jsonl"):
        assert read_back.columns.values == original.columns.values  # every digit, trailing zeros too


@every_typed_format
@few
@given(original=any_series)
def test_typed_formats_keep_every_value_or_refuse_it(typed_format: str, original: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            read_back = TYPED_FORMATS[typed_format](original, Path(folder))
        except PrecisionError:
            assert not all(fits(column, typed_format) for column in original.columns.values)
            assert list(Path(folder).iterdir()) == []
            event("refused")
            return
    assert read_back == [(row.market_id, row.ts, row.oi_base, row.oi_quote_usd, row.provisional) for row in original]
    assert all(isinstance(value, Decimal) for row in read_back for value in row[2:4])


@given(st.lists(decimals(), max_size=6))
@example(["0.5", "10"])
@example(["100", "1.50"])
def test_the_decimal_width_is_minimal(column: list[str]) -> None:
    assert decimal_width(pa.chunked_array([column], pa.string())) == width_of(column)


@every_typed_format
def test_each_edge_value_is_kept_or_refused(typed_format: str, tmp_path: Path) -> None:
    for value in EDGE_VALUES:
        original = series(columns([0, 1], [value, "1"], ["1", "1"]))
        if fits([value, "1"], typed_format):
            assert TYPED_FORMATS[typed_format](original, tmp_path)[0][2] == Decimal(value)
        else:
            with pytest.raises(PrecisionError):
                TYPED_FORMATS[typed_format](original, tmp_path)


def write_and_read(pages: list[tuple[str, Columns]], path: Path, file_format: Any) -> pa.Table | str:
    try:
        files.write(pages, path, file_format, interval="1m", fields=FIELDS)
    except PrecisionError:
        return "refused"
    return pq.read_table(path) if file_format == "parquet" else pa.ipc.open_file(path.read_bytes()).read_all()


@pytest.mark.parametrize("file_format", ["parquet", "arrow"])
@few
@given(data=rows(), sizes=st.lists(st.integers(0, 4), max_size=8), batch=st.integers(1, 5))
def test_a_file_does_not_depend_on_its_pages(file_format: Any, data: Columns, sizes: list[int], batch: int) -> None:
    cuts = [0, *(sum(sizes[: i + 1]) for i in range(len(sizes))), None]
    parts = [("m", data[first:stop]) for first, stop in pairwise(cuts)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        whole = write_and_read([("m", data)], Path(folder, "whole"), file_format)
        patch.setattr(files, "BATCH", batch)
        assert write_and_read(parts, Path(folder, "parts"), file_format) == whole


@few
@example(series(columns([0, 1]), -1500, 3001, market_id='a,"b"\r\nc'))
@given(any_series)
def test_a_csv_line_of_a_record_is_that_of_its_series(original: OpenInterestSeries) -> None:
    texts = lines(original.market_id, original.columns, original.interval, "csv", FIELDS)
    expected = list(csv.reader(io.StringIO("".join(texts), newline="")))
    for row in expected:
        row[2:4] = (re.sub("^0+(?=[0-9])", "", value) for value in row[2:4])
    written = [csv_line(row, FIELDS) for row in original]
    assert list(csv.reader(io.StringIO("".join(written), newline=""))) == expected


@few
@given(any_series)
def test_text_columns_of_a_frame_keep_every_character(original: OpenInterestSeries) -> None:
    table = original.to_arrow(decimals="text")
    assert (table["oi_base"].to_pylist(), table["oi_quote_usd"].to_pylist()) == original.columns.values
    assert original.to_polars(decimals="text")["oi_base"].to_list() == original.columns.values[0]
    assert original.to_pandas(decimals="text")["oi_quote_usd"].tolist() == original.columns.values[1]


@few
@given(rows(st.decimals(0, 10**15, places=6).map(lambda value: f"{value:f}")))
def test_polars_reads_parquet_and_csv_files(data: Columns) -> None:
    original = series(data, -1500, 3001)
    with tempfile.TemporaryDirectory() as folder:
        original.to_parquet(Path(folder, "f"))
        original.to_csv(Path(folder, "g"))
        frame = pl.read_parquet(Path(folder, "f"))
        text = pl.read_csv(Path(folder, "g"), infer_schema=False)
    assert frame.equals(original.to_polars())
    assert text["oi_base"].to_list() == data.values[0]
    assert [datetime.fromisoformat(stamp).astimezone(UTC) for stamp in text["ts"]] == data.ts


@few
@given(any_series)
def test_a_stream_gets_the_content_of_a_file(original: OpenInterestSeries) -> None:
    stream = io.StringIO()
    files.write_text([(original.market_id, original.columns)], stream, "csv", interval=original.interval, fields=FIELDS)
    with tempfile.TemporaryDirectory() as folder:
        original.to_csv(Path(folder, "f"))
        assert Path(folder, "f").read_bytes() == stream.getvalue().encode()

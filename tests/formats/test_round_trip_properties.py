"""Rows to each format and back lose nothing: a value that does not fit is an error or a wider type, never another number."""

from __future__ import annotations

import csv
import io
import json
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
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from allium_market_data.errors import PrecisionError
from allium_market_data.formats import files
from allium_market_data.formats.decimal_width import DecimalWidth, decimal_width
from allium_market_data.model.rows import Columns
from allium_market_data.series.series import OpenInterestSeries
from support.sample_series import columns, series

HARD = [
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
"""Decimals at the edges of the types that a number may pass through."""


few = settings(max_examples=25, deadline=None)  # each example writes files, and the first one imports much


def decimals(most: int = 45) -> st.SearchStrategy[str]:
    """Decimal text: hard values, values of any length, and values like those of a market."""
    digits = st.text("0123456789", min_size=1, max_size=most)
    plain = st.decimals(0, 10**12, places=8).map(lambda value: f"{value:f}")
    return st.one_of(st.sampled_from(HARD), plain, digits, st.tuples(digits, digits).map(".".join))


@st.composite
def rows(draw: st.DrawFn, values: st.SearchStrategy[str] | None = None) -> Columns:
    """Rows with and without gaps, some provisional."""
    buckets = sorted(draw(st.sets(st.integers(-1500, 2900), max_size=8)))
    if draw(st.booleans()):
        buckets = sorted({bucket + run for bucket in buckets[:2] for run in range(5)})
    texts = st.lists(decimals() if values is None else values, min_size=len(buckets), max_size=len(buckets))
    late = draw(st.sets(st.sampled_from(buckets))) if buckets else set()
    return columns(buckets, draw(texts), draw(texts), provisional=sorted(late))


market_ids = st.one_of(
    st.sampled_from(["hl:perp:BTC-USDC", 'a,"b"\r\nc', "=SUM(A1)", "-1", " ", "\x00", "🎈"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10),
)
made = st.builds(lambda one, market: series(one, -1500, 3001, market_id=market), rows(), market_ids)


def read_csv(one: OpenInterestSeries, folder: Path) -> list[dict[str, str]]:
    one.to_csv(folder / "f")
    with (folder / "f").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_jsonl(one: OpenInterestSeries, folder: Path) -> list[dict[str, str]]:
    one.to_jsonl(folder / "f")
    return [json.loads(line) for line in (folder / "f").read_bytes().split(b"\n")[:-1]]


def read_parquet(one: OpenInterestSeries, folder: Path) -> pa.Table:
    one.to_parquet(folder / "f")
    return pq.ParquetFile(folder / "f").read()


def read_arrow_file(one: OpenInterestSeries, folder: Path) -> pa.Table:
    files.write([(one.market_id, one.columns)], folder / "f", "arrow", interval=one.interval)
    return pa.ipc.open_file((folder / "f").read_bytes()).read_all()


def records(table: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def pandas_records(one: OpenInterestSeries) -> list[tuple[Any, ...]]:
    frame = one.to_pandas()
    stamps = [stamp.to_pydatetime() for stamp in frame["ts"]]
    return list(zip(*(stamps if name == "ts" else frame[name].tolist() for name in frame), strict=True))


TYPED: dict[str, Callable[[OpenInterestSeries, Path], list[tuple[Any, ...]]]] = {
    "arrow table": lambda one, _: records(one.to_arrow()),
    "arrow stream": lambda one, _: records(pa.RecordBatchReader.from_stream(one).read_all()),
    "parquet": lambda one, folder: records(read_parquet(one, folder)),
    "arrow file": lambda one, folder: records(read_arrow_file(one, folder)),
    "polars": lambda one, _: one.to_polars().rows(),
    "pandas": lambda one, _: pandas_records(one),
}


@pytest.mark.parametrize("read", [read_csv, read_jsonl])
@few
@given(one=made)
def test_text_holds_every_character(read: Callable[[OpenInterestSeries, Path], Any], one: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = read(one, Path(folder))
    stamps = [stamp.isoformat() for stamp in one.columns.ts]
    assert [row["market_id"] for row in found] == [one.market_id] * len(one)
    assert [row["ts"] for row in found] == stamps
    assert [row["oi_base"] for row in found] == one.columns.values[0]
    assert [row["oi_quote_usd"] for row in found] == one.columns.values[1]
    assert all(list(row) == ["market_id", "ts", "oi_base", "oi_quote_usd"] for row in found)


@pytest.mark.parametrize("form", TYPED)
@few
@given(one=made)
def test_types_hold_every_value_or_refuse(form: str, one: OpenInterestSeries) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = TYPED[form](one, Path(folder))
        except PrecisionError:
            assert any(digits(column) > (38 if form == "polars" else 76) for column in one.columns.values)
            assert list(Path(folder).iterdir()) == []
            event("refused")
            return
    assert found == [(row.market_id, row.ts, row.oi_base, row.oi_quote_usd, row.provisional) for row in one]
    assert all(isinstance(value, Decimal) for row in found for value in row[2:4])


def digits(column: list[str]) -> int:
    """Digits that a type needs to hold all values of a column."""
    return sum(room_of(column))


def room_of(column: list[str]) -> DecimalWidth:
    """The same as ``decimal_width``, by way of Decimal."""
    room = DecimalWidth()
    for value in column:
        _, figures, exponent = Decimal(value).as_tuple()
        bare = "".join(map(str, figures)).lstrip("0")
        assert isinstance(exponent, int)
        fraction = max(0, -exponent - (len(bare) - len(bare.rstrip("0")))) if bare else 0
        room = room.union(DecimalWidth(max(0, len(bare) + exponent), fraction))
    return room


@given(st.lists(decimals(), max_size=6))
@example(["0.5", "10"])
@example(["100", "1.50"])
def test_the_room_measured_is_the_room_needed(column: list[str]) -> None:
    assert decimal_width(pa.chunked_array([column], pa.string())) == room_of(column)


@pytest.mark.parametrize("value", HARD)
@pytest.mark.parametrize("form", TYPED)
def test_each_hard_value_survives_or_is_refused(form: str, value: str, tmp_path: Path) -> None:
    one = series(columns([0, 1], [value, "1"], ["1", "1"]))
    if digits([value, "1"]) > (38 if form == "polars" else 76):
        with pytest.raises(PrecisionError):
            TYPED[form](one, tmp_path)
    else:
        assert TYPED[form](one, tmp_path)[0][2] == Decimal(value)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@few
@given(one=rows(), sizes=st.lists(st.integers(0, 4), max_size=8), batch=st.integers(1, 5))
def test_a_stream_makes_the_file_that_the_whole_makes(form: Any, one: Columns, sizes: list[int], batch: int) -> None:
    cuts = [0, *(sum(sizes[: i + 1]) for i in range(len(sizes))), None]
    parts = [("m", one[first:stop]) for first, stop in pairwise(cuts)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        found = []
        for name, pages in (("whole", [("m", one)]), ("parts", parts)):
            try:
                files.write(pages, Path(folder, name), form, interval="1m")
                path = Path(folder, name)
                found.append(
                    pq.ParquetFile(path).read() if form == "parquet" else pa.ipc.open_file(path.read_bytes()).read_all()
                )
            except PrecisionError:
                found.append("refused")
            patch.setattr(files, "BATCH", batch)
        assert found[0] == found[1]


@few
@given(made)
def test_text_columns_of_a_frame_hold_every_character(one: OpenInterestSeries) -> None:
    table = one.to_arrow(decimals="text")
    assert (table["oi_base"].to_pylist(), table["oi_quote_usd"].to_pylist()) == one.columns.values
    assert one.to_polars(decimals="text")["oi_base"].to_list() == one.columns.values[0]
    assert one.to_pandas(decimals="text")["oi_quote_usd"].tolist() == one.columns.values[1]


@few
@given(rows(st.decimals(0, 10**15, places=6).map(lambda value: f"{value:f}")))
def test_polars_reads_the_files_too(one: Columns) -> None:
    made = series(one, -1500, 3001)
    with tempfile.TemporaryDirectory() as folder:
        made.to_parquet(Path(folder, "f"))
        made.to_csv(Path(folder, "g"))
        frame = pl.read_parquet(Path(folder, "f"))
        text = pl.read_csv(Path(folder, "g"), infer_schema=False)
    assert frame.equals(made.to_polars())
    assert text["oi_base"].to_list() == one.values[0]
    assert [datetime.fromisoformat(stamp).astimezone(UTC) for stamp in text["ts"]] == one.ts


@few
@given(made)
def test_a_pipe_gets_what_a_file_gets(one: OpenInterestSeries) -> None:
    stream = io.StringIO()
    files.write_text([(one.market_id, one.columns)], stream, "csv", interval=one.interval)
    with tempfile.TemporaryDirectory() as folder:
        one.to_csv(Path(folder, "f"))
        assert Path(folder, "f").read_bytes() == stream.getvalue().encode()

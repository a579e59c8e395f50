"""The user's sample files: values are kept as written, and errors name file, line, column and cause."""

from __future__ import annotations

import gzip
import io
import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox import parquet_file as parquet
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.files import load_files
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.layout import layout_of
from allium_market_data.sandbox.samples import connect

HEADER = "market_id,ts,oi_base,oi_quote_usd\n"
GOOD = "own:perp:A,2026-05-01T00:00:10Z,12483.50,1308734500.00\n"
MAY = parse_instant("2026-05-01")
MOMENT = datetime(2026, 5, 1, 0, 0, 10, tzinfo=UTC)

DATABASE = connect()  # shared: opening one takes longer than a test
SIGNED = {"oi_base": False, "oi_quote_usd": False}


def minutes(*paths: Path, market: str = "own:perp:A", columns: tuple[str, ...] = (), skip: bool = False) -> list[Row]:
    with Samples.open(paths, columns=columns, skip_bad_rows=skip) as samples:
        source = samples.source(market)
        assert source is not None
        assert source.kind == "file"
        return samples.history(market).last_per_bucket(MINUTE, Span(0, MAY * 2))


def csv_file(folder: Path, text: str | bytes, name: str = "own.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def parquet_file(folder: Path, name: str = "own.parquet", **columns: Any) -> Path:
    path = folder / name
    good = {
        "market_id": ["own:perp:A"],
        "ts": ["2026-05-01T00:00:10Z"],
        "oi_base": ["12483.50"],
        "oi_quote_usd": ["1.00"],
    }
    pq.write_table(pa.table({**good, **columns}), path)
    return path


def refused(path: Path, *columns: str, skip: bool = False) -> str:
    """The error message for ``path``, without the path that it starts with."""
    with pytest.raises(SandboxError) as caught:
        load_files(DATABASE, [path], layout_of(SIGNED, columns), skip_bad_rows=skip)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def test_text_of_amounts_is_kept(tmp_path: Path) -> None:
    rows = (
        GOOD
        + "own:perp:A,2026-05-01 00:01:00,7,0.000000000000000001\n"
        + f"own:perp:A,2026-05-01T02:02:00+02:00,{'9' * 60},0\n"
    )
    assert minutes(csv_file(tmp_path, HEADER + rows)) == [
        (MAY, "12483.50", "1308734500.00"),
        (MAY + MINUTE, "7", "0.000000000000000001"),
        (MAY + 2 * MINUTE, "9" * 60, "0"),
    ]


def test_other_column_orders_columns_and_line_ends_are_valid(tmp_path: Path) -> None:
    text = '\ufeffoi_quote_usd,note,ts,oi_base,market_id\r\n1.0,"a\nb",2026-05-01,2.0,own:perp:A\r\n\r\n'
    assert minutes(csv_file(tmp_path, text)) == [(MAY, "2.0", "1.0")]


def test_later_sample_at_the_same_instant_wins(tmp_path: Path) -> None:
    first = csv_file(tmp_path, HEADER + GOOD + GOOD.replace("12483.50", "2") + GOOD.replace(":10Z", ":05Z"))
    assert minutes(first) == [(MAY, "2", "1308734500.00")]
    second = csv_file(tmp_path, HEADER + GOOD.replace("12483.50", "3"), "second.csv")
    assert minutes(first, second)[0][1] == "3"
    assert minutes(second, first)[0][1] == "2"


def test_market_in_a_file_is_served_from_files_only(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER + GOOD.replace("own:perp:A", "hl:perp:BTC-USDC"))
    assert len(minutes(path, market="hl:perp:BTC-USDC")) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("own:perp:A,2026-13-01,1,1", "line 3, column ts: '2026-13-01': no such date"),
        ("own:perp:A,yesterday,1,1", "line 3, column ts: 'yesterday': not an ISO 8601 date or time"),
        ("own:perp:A,,1,1", "line 3, column ts: nothing"),
        ("own:perp:A,2026-05-01T00:00:00.0000001,1,1", "line 3, column ts: .*finer than a microsecond"),
        ("own:perp:A,1969-12-31,1,1", "line 3, column ts: .*outside the years"),
        ("own:perp:A,9999-12-31,1,1", "line 3, column ts: .*outside the years"),
        ("own:perp:A,2026-05-01,-1,1", "line 3, column oi_base: '-1': not a plain, non-negative decimal"),
        ("own:perp:A,2026-05-01,1,NaN", "line 3, column oi_quote_usd: 'NaN'"),
        ("own:perp:A,2026-05-01,1e,1", "line 3, column oi_base"),
        ("own:perp:A,2026-05-01,-1e5,1", "line 3, column oi_base"),
        (
            "own:perp:A,1777593610000,1,1",
            r"line 3, column ts: '1777593610000': milliseconds .*2026-05-01T00:00:10Z.* --map ts=ts:ms",
        ),
        ("own:perp:A,1777593610,1,1", r"line 3, column ts: '1777593610': seconds since 1970 .*--map ts=ts:s"),
        ("own:perp:A,1777593610000000,1,1", "line 3, column ts: '1777593610000000': microseconds since 1970"),
        ("own:perp:A,1777593610000000000,1,1", "line 3, column ts: '1777593610000000000': nanoseconds since 1970"),
        ("own:perp:A,20260501,1,1", "line 3, column ts: '20260501': not an ISO 8601 date or time"),
        ("own:perp:A,2026-05-01, 1,1", "line 3, column oi_base"),
        ("own:perp:A,2026-05-01,1_0,1", "line 3, column oi_base"),
        ("own:perp:A,2026-05-01,\u0661,1", "line 3, column oi_base"),
        ("own:perp:A,2026-05-01,007,1", "line 3, column oi_base"),
        ("own:perp:A,2026-05-01,.5,1", "line 3, column oi_base"),
        ('own:perp:A,2026-05-01,"1,000",1', "line 3, column oi_base: '1,000'"),
        ("own:perp:A,2026-05-01,,1", "line 3, column oi_base: nothing"),
        (",2026-05-01,1,1", "line 3, column market_id: nothing"),
        ("BTC,2026-05-01,1,1", "line 3, column market_id: 'BTC': not {venue}"),
        ("own:perp:A,2026-05-01,1", "line 3: 3 fields, the header has 4"),
        ('own:perp:A,2026-05-01,1,"1', "line 3: "),
        ('own:perp:A,2026-05-01,"1\n2",1', "line 3, column oi_base: '1\\\\n2'"),
        ("own:perp:A,2026-05-01,1,\x00", "line 3"),
        (b"own:perp:\xff,2026-05-01,1,1", "line 3: not UTF-8 at byte 10"),
    ],
)
def test_error_names_the_line(tmp_path: Path, bad: str | bytes, message: str) -> None:
    line = bad if isinstance(bad, bytes) else bad.encode()
    assert re.match(
        f", {message}", refused(csv_file(tmp_path, (HEADER + GOOD).encode() + line + b"\n" + GOOD.encode()))
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        (HEADER, ": no samples"),
        ("\n", ", line 1: column market_id is missing"),
        (GOOD, ", line 1: column market_id is missing"),
        ("market_id,ts,oi_base\n", ", line 1: column oi_quote_usd is missing"),
        ("market_id,ts,ts,oi_base,oi_quote_usd\n", ", line 1: column ts appears more than once"),
        (HEADER.encode("utf-16"), ": the text is UTF-16; save it as UTF-8"),
        (HEADER.encode("utf-16-be"), ": the text is UTF-16"),
        (HEADER.encode("utf-16-le"), ": the text is UTF-16"),
        (gzip.compress(HEADER.encode("utf-16"), mtime=0), ": the text is UTF-16"),
        (HEADER.encode() + b"\xff", ", line 2: not UTF-8"),
        (b"own\xff" + HEADER.encode(), ", line 1: not UTF-8 at byte 4"),
        (HEADER.replace(",", ";"), ", line 1: the fields are separated by semicolons; save the file with commas"),
        (HEADER.replace(",", "\t"), ", line 1: the fields are separated by tabs"),
        (HEADER.replace(",", "|"), ", line 1: the fields are separated by bars"),
        ("time,coin\n", ", line 1: column market_id is missing; the file has time, coin; required are market_id, ts, "),
        (",".join(f"c{n}" for n in range(20)), ", line 1: column market_id is missing; the file has c0, c1"),
        ("x\x1b[2J,y\n", ", line 1: column market_id is missing; the file has x [2J, y"),
        ('"' + HEADER, ", line 1: "),
        ('[{"ts": 1}]', ": JSON; save the table as CSV"),
        (b"PK\x03\x04xlsx", ": a zip archive or an Excel workbook"),
        (b"\x28\xb5\x2f\xfdx", ": compressed with zstd; unpack it, or use gzip"),
        (gzip.compress(b"PAR1", mtime=0), ": a Parquet file compressed with gzip; unpack it"),
        (gzip.compress(HEADER.encode(), mtime=0)[:20], ": the gzip data is cut off or corrupt"),
        (gzip.compress((HEADER + GOOD * 9).encode(), mtime=0)[:-9], ": the gzip data is cut off or corrupt"),
        (gzip.compress(HEADER.encode(), mtime=0)[:-8] + bytes(8), ": the gzip data is cut off or corrupt"),
        (gzip.compress(b"", mtime=0), ": the file is empty"),
    ],
)
def test_file_without_samples_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refused(csv_file(tmp_path, text)).startswith(message)


def test_missing_file_or_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.csv") == ": no such file"
    assert refused(tmp_path) == ": not a file"
    with pytest.raises(SandboxError):
        Samples.open([Path("nul\x00.csv")])


@pytest.mark.parametrize(
    ("unit", "zone"),
    [("s", None), ("ms", None), ("us", None), ("ns", None), ("us", "UTC"), ("ns", "America/New_York")],
)
def test_parquet_times_of_each_unit_and_zone_are_read(tmp_path: Path, unit: str, zone: str | None) -> None:
    moment = MOMENT if zone else MOMENT.replace(tzinfo=None)
    path = parquet_file(tmp_path, ts=pa.array([moment], pa.timestamp(unit, zone)))
    assert minutes(path) == [(MAY, "12483.50", "1.00")]


def test_parquet_decimals_keep_their_scale(tmp_path: Path) -> None:
    base = pa.array([Decimal("12483.50")], pa.decimal128(38, 18))
    path = parquet_file(tmp_path, "odd [*] name.parquet", oi_base=base, oi_quote_usd=pa.array([5], pa.int64()))
    assert minutes(path) == [(MAY, "12483.500000000000000000", "5")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"oi_base": ["-1"]}, ", row 1, column oi_base: '-1'"),
        ({"oi_base": pa.array([None], pa.string())}, ", row 1, column oi_base: nothing"),
        ({"oi_base": [float("nan")]}, ", row 1, column oi_base: 'nan'"),
        ({"oi_base": [float("inf")]}, ", row 1, column oi_base: 'inf'"),
        ({"oi_base": [-1.5]}, ", row 1, column oi_base: '-1.5'"),
        ({"oi_base": [True]}, ": column oi_base is BOOLEAN, and must be text or numbers"),
        ({"oi_base": pa.array([Decimal(-1)], pa.decimal256(76, 1))}, ", row 1, column oi_base: '-1.0'"),
        ({"oi_base": pa.array([Decimal(-1)], pa.decimal128(5, 1))}, ", row 1, column oi_base: '-1.0'"),
        ({"ts": ["soon"]}, ", row 1, column ts: 'soon'"),
        ({"ts": [1777593600]}, ", row 1, column ts: '1777593600': seconds since 1970"),
        ({"ts": [1777593600.0]}, ": column ts is DOUBLE, and must be text or a timestamp"),
        ({"ts": pa.array([None], pa.timestamp("us"))}, ", row 1, column ts: nothing: missing"),
        ({"ts": pa.array([1_777_593_600_000_000_001], pa.timestamp("ns"))}, ", row 1, column ts: "),
        ({"market_id": [""]}, ", row 1, column market_id: nothing"),
        ({"market_id": [7]}, ": column market_id is BIGINT, and must be text"),
    ],
)
def test_error_names_the_parquet_row(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    assert refused(parquet_file(tmp_path, **columns)).startswith(message)


def test_parquet_rows_are_counted_over_all_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH", 100)
    count = 250
    ts = pa.array([MOMENT + timedelta(seconds=n) for n in range(count)], pa.timestamp("us", "UTC"))
    amounts = ["1"] * (count - 1) + ["1_0"]
    path = parquet_file(tmp_path, market_id=["own:perp:A"] * count, ts=ts, oi_base=amounts, oi_quote_usd=amounts)
    assert refused(path).startswith(f", row {count}, column oi_base: '1_0'")


def test_unreadable_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.parquet"
    pq.write_table(pa.table({"market_id": ["own:perp:A"], "ts": ["2026-05-01"], "oi_base": ["1"]}), path)
    assert refused(path).startswith(": column oi_quote_usd is missing")
    assert refused(csv_file(tmp_path, b"PAR1 and then nothing", "cut.parquet")).startswith(
        ": not a readable Parquet file"
    )
    assert refused(csv_file(tmp_path, HEADER + GOOD, "text.parquet")).startswith(": not a readable Parquet file")


def test_gzip_is_read(tmp_path: Path) -> None:
    assert minutes(csv_file(tmp_path, gzip.compress((HEADER + GOOD).encode(), mtime=0), "own.csv.gz")) == [
        (MAY, "12483.50", "1308734500.00")
    ]


def test_exponents_are_written_out(tmp_path: Path) -> None:
    assert minutes(csv_file(tmp_path, HEADER + "own:perp:A,2026-05-01,1e-05,1.2345E+6\n")) == [
        (MAY, "0.00001", "1234500")
    ]


def test_columns_of_another_name_are_mapped(tmp_path: Path) -> None:
    text = "time,symbol,sumOpenInterest,oi_quote_usd\n1777593610000,BTCUSDT,7.50,9\n"
    columns = ("ts=time:ms,oi_base=sumOpenInterest", "market_id=binance:perp:BTC-USDT")
    assert minutes(csv_file(tmp_path, text), market="binance:perp:BTC-USDT", columns=columns) == [(MAY, "7.50", "9")]


@pytest.mark.parametrize(
    ("unit", "count"), [("s", 1777593610), ("ms", 1777593610000), ("us", 1777593610000000), ("ns", 1777593610 * 10**9)]
)
def test_times_counted_from_1970_are_read_in_their_unit(tmp_path: Path, unit: str, count: int) -> None:
    columns = (f"ts=ts:{unit}",)
    assert minutes(parquet_file(tmp_path, ts=[count]), columns=columns) == [(MAY, "12483.50", "1.00")]
    text = HEADER + f"own:perp:A,{count},12483.50,1.00\n"
    assert minutes(csv_file(tmp_path, text), columns=columns) == [(MAY, "12483.50", "1.00")]
    assert refused(csv_file(tmp_path, HEADER + GOOD), *columns).startswith(
        ", line 2, column ts: '2026-05-01T00:00:10Z': not whole"
    )


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("ts", "--map ts: not of the form COLUMN=NAME"),
        ("ts=", "--map ts=: not of the form COLUMN=NAME"),
        ("price=p", "there is no column price; choose from market_id, ts, oi_base, oi_quote_usd"),
        ("ts=a,ts=b", "column ts has two names, a and b"),
    ],
)
def test_other_mapping_is_refused(mapping: str, message: str) -> None:
    with pytest.raises(SandboxError, match=re.escape(message)):
        layout_of(SIGNED, [mapping])


def test_mapped_column_that_is_missing_is_named_with_those_seen(tmp_path: Path) -> None:
    message = refused(csv_file(tmp_path, HEADER + GOOD), "oi_base=sumOpenInterest")
    assert message == (
        ", line 1: column sumOpenInterest is missing; the file has market_id, ts, oi_base, oi_quote_usd; required are "
        "market_id, ts, sumOpenInterest, oi_quote_usd; to read another column: --map oi_base=NAME"
    )
    assert "the file has market_id, ts, oi_base, oi_quote_usd" in refused(parquet_file(tmp_path), "oi_base=x")


def test_bad_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    bad = ["own:perp:A,never,1,1\n", "own:perp:A,2026-05-01\n", 'own:perp:A,2026-05-01,"1"x,1\n']
    last = GOOD.replace(":10Z", ":20Z").replace("12483.50", "2")
    head = "".join([HEADER, bad[0], GOOD, *bad[1:]]).encode()
    path = csv_file(tmp_path, head + b"own:perp:\xff,2026-05-01,1,1\n" + last.encode())
    with Samples.open([path], skip_bad_rows=True) as samples:
        (file,) = samples.files
        assert (file.path, file.rows, file.skipped) == (path, 6, 4)
        assert file.first_problem == "line 2, column ts: 'never': not an ISO 8601 date or time"
    assert minutes(path, skip=True) == [(MAY, "2", "1308734500.00")]
    assert refused(path).startswith(", line 2")
    only_bad = csv_file(tmp_path, HEADER + bad[0], "bad.csv")
    assert refused(only_bad, skip=True).startswith(": no samples; the first row: line 2, column ts: 'never'")


def test_bad_rows_of_parquet_are_skipped_too(tmp_path: Path) -> None:
    path = parquet_file(
        tmp_path, market_id=["own:perp:A", "x"], ts=["2026-05-01"] * 2, oi_base=["1", "2"], oi_quote_usd=["3", "4"]
    )
    assert minutes(path, skip=True) == [(MAY, "1", "3")]


WIDE = [Decimal("1" * 40 + "." + "5" * 18), Decimal("1E-18"), Decimal("0E-18")]


def test_decimals_of_more_than_38_digits_are_exact(tmp_path: Path) -> None:
    ts = pa.array([MOMENT + timedelta(minutes=n) for n in range(3)], pa.timestamp("us", "UTC"))
    base = pa.array(WIDE, pa.decimal256(76, 18))
    path = parquet_file(tmp_path, market_id=["own:perp:A"] * 3, ts=ts, oi_base=base, oi_quote_usd=[1.5, 2.5, 1e22])
    assert minutes(path) == [
        (MAY, f"{WIDE[0]:f}", "1.5"),
        (MAY + MINUTE, "0.000000000000000001", "2.5"),
        (MAY + 2 * MINUTE, "0.000000000000000000", "1" + "0" * 22),
    ]


def test_wide_decimals_without_pyarrow_are_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet_file(tmp_path, oi_base=pa.array([WIDE[0]], pa.decimal256(76, 18)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refused(path) == (
        ": column oi_base is a decimal of more than 38 digits, which pyarrow reads: pip install 'allium-market-data[arrow]'"
    )


floats = st.floats(0, 1e300, allow_nan=False) | st.sampled_from([0.1, 1e-7, 1e16, 1e22, 5e-324, 2**53 + 2.0])


@given(st.lists(floats, min_size=1, max_size=20), st.sampled_from([pa.float64(), pa.float32()]))
def test_floats_are_the_same_from_csv_and_parquet(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], kind: Any
) -> None:
    column = pa.array([min(number, 1e30) for number in numbers] if kind == pa.float32() else numbers, kind)
    ts = pa.array([MOMENT + timedelta(minutes=n) for n in range(len(numbers))], pa.timestamp("us", "UTC"))
    table = pa.table({"market_id": ["own:perp:A"] * len(numbers), "ts": ts, "oi_base": column, "oi_quote_usd": column})
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer)
    folder = tmp_path_factory.getbasetemp()
    pq.write_table(table, folder / "floats.parquet")
    rows = loaded(folder / "floats.parquet")
    assert [Decimal(base) for base in rows] == [Decimal(base) for base in loaded(csv_file(folder, buffer.getvalue()))]
    assert pa.array([float(base) for base in rows], kind) == column


def loaded(path: Path) -> list[str]:
    load_files(DATABASE, [path], layout_of(SIGNED))
    return [base for (base,) in DATABASE.execute("SELECT v0 FROM loaded ORDER BY rowid").fetchall()]

"""The user's sample files: values are kept as written, and errors name file, line and column."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import MINUTE
from allium_market_data.sandbox import Samples, files
from allium_market_data.sandbox.answer import Row, Span
from allium_market_data.sandbox.files import load_files
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.samples import connect

HEADER = "market_id,ts,oi_base,oi_quote_usd\n"
GOOD = "own:perp:A,2026-05-01T00:00:10Z,12483.50,1308734500.00\n"
MAY = parse_instant("2026-05-01")
MOMENT = datetime(2026, 5, 1, 0, 0, 10, tzinfo=UTC)

DATABASE = connect()  # shared: opening one takes longer than a test


def minutes(*paths: Path, market: str = "own:perp:A") -> list[Row]:
    with Samples.open(paths) as samples:
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


def refused(path: Path) -> str:
    """The error message for ``path``, without the path that it starts with."""
    with pytest.raises(SandboxError) as caught:
        load_files(DATABASE, [path])
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
        ("own:perp:A,2026-05-01,1e5,1", "line 3, column oi_base"),
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
        (HEADER.encode("utf-16"), ", line 1: not UTF-8"),
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
        ({"oi_base": [1.5]}, ": column oi_base is DOUBLE, and must be text or decimals"),
        ({"oi_base": pa.array([Decimal(-1)], pa.decimal128(5, 1))}, ", row 1, column oi_base: '-1.0'"),
        ({"ts": ["soon"]}, ", row 1, column ts: 'soon'"),
        ({"ts": [1777593600]}, ": column ts is BIGINT, and must be text or a timestamp"),
        ({"ts": pa.array([None], pa.timestamp("us"))}, ", row 1, column ts: nothing: missing"),
        ({"ts": pa.array([1_777_593_600_000_000_001], pa.timestamp("ns"))}, ", row 1, column ts: "),
        ({"market_id": [""]}, ", row 1, column market_id: nothing"),
        ({"market_id": [7]}, ": column market_id is BIGINT, and must be text"),
    ],
)
def test_error_names_the_parquet_row(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    assert refused(parquet_file(tmp_path, **columns)).startswith(message)


def test_parquet_rows_are_counted_over_all_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BATCH", 100)
    count = 250
    ts = pa.array([MOMENT + timedelta(seconds=n) for n in range(count)], pa.timestamp("us", "UTC"))
    amounts = ["1"] * (count - 1) + ["1e5"]
    path = parquet_file(tmp_path, market_id=["own:perp:A"] * count, ts=ts, oi_base=amounts, oi_quote_usd=amounts)
    assert refused(path).startswith(f", row {count}, column oi_base: '1e5'")


def test_unreadable_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.parquet"
    pq.write_table(pa.table({"market_id": ["own:perp:A"], "ts": ["2026-05-01"], "oi_base": ["1"]}), path)
    assert refused(path).startswith(": column oi_quote_usd is missing")
    assert refused(csv_file(tmp_path, b"PAR1 and then nothing", "cut.parquet")).startswith(
        ": not a readable Parquet file"
    )
    assert refused(csv_file(tmp_path, HEADER + GOOD, "text.parquet")).startswith(": not a readable Parquet file")

"""Files of rows: their content, and that they appear complete or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import resource
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allium_market_data.errors import OutputError, PrecisionError, UsageError
from allium_market_data.formats import files
from allium_market_data.formats.arrow import RowSchema, to_table
from allium_market_data.formats.atomic_file import AtomicFile
from allium_market_data.formats.files import FORMATS, Format, open_writer, write, write_text
from allium_market_data.formats.text import TextFormat
from allium_market_data.model.rows import Columns
from support.sample_series import FIELDS, MARKET, columns, series

PAGES = [(MARKET, columns([0, 1], ["12483.50", "7"], ["0.000", "1"], provisional=[1])), ("b", columns([0]))]
every_format = pytest.mark.parametrize("file_format", FORMATS)
every_arrow_format = pytest.mark.parametrize("file_format", ["parquet", "arrow"])


def read(path: Path) -> pa.Table:
    """The table in a Parquet or an Arrow file."""
    if path.read_bytes()[:4] == b"PAR1":
        return pq.read_table(path)
    return pa.ipc.open_file(path.read_bytes()).read_all()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pages(count: int = 20, rows: int = 50) -> Iterator[tuple[str, Columns]]:
    for page in range(count):
        yield MARKET, columns(range(page * rows, (page + 1) * rows))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process can exceed ``size``, so that writing really fails half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def no_permission(*_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


class TestText:
    def test_csv_has_the_text_of_the_server(self, tmp_path: Path) -> None:
        assert write(PAGES, tmp_path / "f", "csv", interval="1m", fields=FIELDS) == 3
        assert (tmp_path / "f").read_bytes() == (
            b"market_id,ts,oi_base,oi_quote_usd,provisional\n"
            b"hl:perp:BTC-USDC,2026-05-01T00:00:00+00:00,12483.50,0.000,false\n"
            b"hl:perp:BTC-USDC,2026-05-01T00:01:00+00:00,7,1,true\n"
            b"b,2026-05-01T00:00:00+00:00,0.50,0.50,false\n"
        )

    def test_json_lines_have_the_same_as_strings(self, tmp_path: Path) -> None:
        assert write(PAGES, tmp_path / "f", "jsonl", interval="1m", fields=FIELDS) == 3
        first, _, last = (tmp_path / "f").read_text().splitlines()
        assert first == (
            '{"market_id":"hl:perp:BTC-USDC","ts":"2026-05-01T00:00:00+00:00",'
            '"oi_base":"12483.50","oi_quote_usd":"0.000","provisional":false}'
        )
        assert json.loads(last)["market_id"] == "b"

    @pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "4h", "1d"])
    @pytest.mark.parametrize("buckets", [range(1441), [1439, 1440], [0, 1, 3, 1440, 1442, 4000], [-1, 0], [7]])
    def test_timestamps_are_those_of_the_rows(self, interval: Any, buckets: range | list[int]) -> None:
        rows, stream = columns(buckets, interval=interval), io.StringIO()
        assert write_text([(MARKET, rows)], stream, "csv", interval=interval, fields=FIELDS) == len(rows)
        stream.seek(0)
        assert [row["ts"] for row in csv.DictReader(stream)] == [stamp.isoformat() for stamp in rows.ts]

    @pytest.mark.parametrize(
        "market_id",
        ['a,"b"c', '"', "a\nb\r\nc", "=1+1", "-1", " a ", "", "été 🎈", "a\x00b", "\u2028", "'", "\\", "\ufeff"],
    )
    def test_market_ids_are_quoted_never_changed(self, market_id: str, tmp_path: Path) -> None:
        one_row = series([0], market_id=market_id)
        one_row.to_csv(tmp_path / "f.csv")
        one_row.to_jsonl(tmp_path / "f.jsonl")
        with (tmp_path / "f.csv").open(newline="", encoding="utf-8") as file:
            assert [row["market_id"] for row in csv.DictReader(file)] == [market_id]
        text = (tmp_path / "f.jsonl").read_text(encoding="utf-8")
        assert text.count("\n") == 1
        assert json.loads(text)["market_id"] == market_id

    @pytest.mark.parametrize(
        ("text_format", "text"), [("csv", "market_id,ts,oi_base,oi_quote_usd,provisional\n"), ("jsonl", "")]
    )
    def test_no_rows_are_a_header_in_csv_only(self, text_format: TextFormat, text: str) -> None:
        stream = io.StringIO()
        write_text([(MARKET, Columns.empty(2))], stream, text_format, interval="1m", fields=FIELDS)
        assert stream.getvalue() == text

    @pytest.mark.parametrize("text_format", ["csv", "jsonl"])
    def test_a_stream_gets_the_content_of_a_file(self, text_format: TextFormat, tmp_path: Path) -> None:
        stream, path = io.StringIO(), tmp_path / "f"
        assert write_text(PAGES, stream, text_format, interval="1m", fields=FIELDS) == write(
            PAGES, path, text_format, interval="1m", fields=FIELDS
        )
        assert stream.getvalue() == path.read_text()

    def test_a_closed_pipe_is_the_error_of_the_caller(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with pytest.raises(BrokenPipeError), os.fdopen(writing, "w") as stream:
            write_text(pages(), stream, "csv", interval="1m", fields=FIELDS)

    def test_another_text_format_is_refused(self) -> None:
        with pytest.raises(UsageError, match="use one of csv, jsonl"):
            write_text([], io.StringIO(), "parquet", interval="1m", fields=FIELDS)  # type: ignore[arg-type]

    def test_text_needs_no_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("pyarrow", "polars", "pandas"):
            monkeypatch.setitem(sys.modules, module, None)
        assert series([0]).to_csv(tmp_path / "f.csv") == series([0]).to_jsonl(tmp_path / "f.jsonl") == 1


class TestArrowFiles:
    @every_arrow_format
    def test_a_file_is_the_table_with_its_metadata(self, file_format: Format, tmp_path: Path) -> None:
        assert write(PAGES, tmp_path / "f", file_format, interval="1m", fields=FIELDS, metadata={"source": "here"}) == 3
        table = read(tmp_path / "f")
        assert table == to_table(PAGES, "1m", RowSchema(FIELDS))
        assert table.schema.metadata == {b"interval": b"1m", b"source": b"here"}

    @every_arrow_format
    def test_a_file_without_rows_has_the_columns(self, file_format: Format, tmp_path: Path) -> None:
        for number, nothing in enumerate([[], [(MARKET, Columns.empty(2))]]):
            path = tmp_path / str(number)
            assert write(nothing, path, file_format, interval="1m", fields=FIELDS) == 0
            assert read(path).schema == RowSchema(FIELDS).arrow

    @pytest.mark.parametrize(("decimals", "value"), [("text", "0.50"), ("float", 0.5)])
    def test_text_and_floats_on_request(self, decimals: Any, value: Any, tmp_path: Path) -> None:
        series([0]).to_parquet(tmp_path / "f", decimals=decimals)
        assert read(tmp_path / "f")["oi_base"].to_pylist() == [value]

    def test_the_file_of_a_series_has_its_metadata(self, tmp_path: Path) -> None:
        two = series([0, 1])
        assert two.to_parquet(tmp_path / "f") == 2
        assert read(tmp_path / "f").schema.metadata == two.to_arrow().schema.metadata

    @every_arrow_format
    @pytest.mark.parametrize(
        "values",
        [
            ["1", "0.5", "9" * 30, "2", "0." + "1" * 8, "3"],
            ["1", "0." + "1" * 19, "0." + "1" * 20, "5", "9" * 18, "6"],
            ["9" * 38, "1", "0.1", "9" * 60, "2"],
            ["0." + "1" * 40, "1", "2", "3"],
            ["1." + "0" * 40, "1" * 37, "3"],
        ],
    )
    def test_a_stream_gets_the_types_of_all_its_rows_together(
        self, file_format: Format, values: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 2)
        rows = columns(range(2 * len(values)), [value for value in values for _ in (0, 1)], ["1"] * 2 * len(values))
        parts = [(MARKET, rows[row : row + 2]) for row in range(0, len(rows), 2)]
        write(parts, tmp_path / "f", file_format, interval="1m", fields=FIELDS, metadata={"source": "here"})
        assert read(tmp_path / "f") == to_table([(MARKET, rows)], "1m", RowSchema(FIELDS))
        assert read(tmp_path / "f").schema.metadata == {b"interval": b"1m", b"source": b"here"}
        assert names(tmp_path) == ["f"]

    def test_row_groups_are_of_the_batch_size(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "BATCH", 100)
        write(pages(9, 30), tmp_path / "f", "parquet", interval="1m", fields=FIELDS)
        metadata = pq.ParquetFile(tmp_path / "f").metadata
        assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [100, 20, 100, 20, 30]

    @every_arrow_format
    def test_a_late_value_that_fits_no_type_leaves_no_file(
        self, file_format: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 1)
        wide_page = [*pages(3, 1), (MARKET, columns([7], ["1" * 77])), *pages(3, 1)]
        with pytest.raises(PrecisionError, match="2026-05-01T00:07:00Z"):
            write(wide_page, tmp_path / "f", file_format, interval="1m", fields=FIELDS)
        assert names(tmp_path) == []


class TestTarget:
    @every_format
    def test_an_existing_file_is_kept(self, file_format: Format, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("old")

        def fail() -> Iterator[tuple[str, Columns]]:
            raise AssertionError("no rows may be requested")
            yield

        with pytest.raises(OutputError, match=r"exists already.*overwrite=True.*--overwrite"):
            write(fail(), path, file_format, interval="1m", fields=FIELDS)
        assert (path.read_text(), names(tmp_path)) == ("old", ["f"])

    @every_format
    def test_overwrite_replaces_an_existing_file(self, file_format: Format, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("old")
        write(PAGES, tmp_path / "f", file_format, interval="1m", fields=FIELDS, overwrite=True)
        write(PAGES, tmp_path / "g", file_format, interval="1m", fields=FIELDS, overwrite=True)
        assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes() != b"old"
        assert names(tmp_path) == ["f", "g"]

    @pytest.mark.parametrize("has_links", [True, False])
    def test_of_two_writers_the_first_to_finish_wins(
        self, has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not has_links:
            monkeypatch.setattr(os, "link", no_links)
        with ExitStack() as stack:
            slow = stack.enter_context(open_writer(tmp_path / "f", "csv", interval="1m", fields=FIELDS))
            slow.write("slow", columns(range(50)))
            with open_writer(tmp_path / "f", "csv", interval="1m", fields=FIELDS) as fast:
                fast.write("fast", columns(range(50)))
            with pytest.raises(OutputError, match="exists already"):
                stack.close()
        assert (tmp_path / "f").read_text().count("fast,") == 50
        assert names(tmp_path) == ["f"]

    def test_a_file_system_without_hard_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", no_links)
        write(PAGES, tmp_path / "f", "csv", interval="1m", fields=FIELDS)
        assert (tmp_path / "f").read_text().count("\n") == 4
        assert names(tmp_path) == ["f"]

    def test_symbolic_links_are_followed(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "latest").symlink_to(tmp_path / "data" / "f")
        write(PAGES, tmp_path / "latest", "csv", interval="1m", fields=FIELDS)
        with pytest.raises(OutputError, match="exists already"):
            write(PAGES, tmp_path / "latest", "csv", interval="1m", fields=FIELDS)
        write(PAGES, tmp_path / "latest", "jsonl", interval="1m", fields=FIELDS, overwrite=True)
        assert (tmp_path / "latest").is_symlink()
        assert (tmp_path / "data" / "f").read_text().startswith("{")

    def test_permissions_follow_the_umask(self, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            write(PAGES, tmp_path / "f", "parquet", interval="1m", fields=FIELDS)
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_an_impossible_path_is_refused_with_the_reason(self, overwrite: bool, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        os.mkfifo(tmp_path / "pipe")
        for name, reason in {
            "folder": "it is a folder",
            "pipe": "not a regular file",
            "none/f": "none does not exist",
            "file/f": "Not a directory",
            "loop": "ymlink|symbolic link",
            "n" * 300: "too long",
            "\0": "null",
        }.items():
            with pytest.raises(OutputError, match=reason) as caught:
                write(PAGES, tmp_path / name, "csv", interval="1m", fields=FIELDS, overwrite=overwrite)
            assert str(tmp_path) in str(caught.value)
        assert names(tmp_path) == ["file", "folder", "loop", "pipe"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_device_is_never_replaced(self) -> None:
        with pytest.raises(OutputError, match="not a regular file"):
            write(PAGES, "/dev/full", "csv", interval="1m", fields=FIELDS, overwrite=True)

    def test_an_unknown_format_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="csv, jsonl, parquet, arrow"):
            write(PAGES, tmp_path / "f", "xlsx", interval="1m", fields=FIELDS)  # type: ignore[arg-type]

    def test_a_path_may_be_text(self, tmp_path: Path) -> None:
        assert write(PAGES, str(tmp_path / "f"), "csv", interval="1m", fields=FIELDS) == 3


@pytest.mark.parametrize("file_format", ["csv", "parquet", "arrow"])
@pytest.mark.parametrize("overwrite", [False, True])
class TestFaults:
    """After any error an existing file is unchanged, and no partial file remains."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, tmp_path: Path, overwrite: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        if overwrite:
            (tmp_path / "f").write_text("old")
        yield
        monkeypatch.undo()
        assert names(tmp_path) == (["f"] if overwrite else [])
        if overwrite:
            assert (tmp_path / "f").read_text() == "old"

    def write(self, folder: Path, file_format: Format, overwrite: bool) -> None:
        write(pages(), folder / "f", file_format, interval="1m", fields=FIELDS, overwrite=overwrite)

    def test_the_disk_becomes_full_half_way(
        self, file_format: Format, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 100)
        with file_size_limit(3000), pytest.raises(OutputError, match="too large") as caught:
            self.write(tmp_path, file_format, overwrite)
        assert str(tmp_path / "f") in str(caught.value)

    @pytest.mark.parametrize(
        ("failing", "failure", "message"),
        [
            ({"open": no_permission}, OutputError, "Permission denied"),
            ({"fdopen": disk_full}, OutputError, "No space left on device"),
            ({"fsync": disk_full}, OutputError, "No space left on device"),
            ({"link": disk_full, "replace": disk_full}, OutputError, "No space left on device"),
            ({"link": no_links, "replace": disk_full}, OutputError, "No space left on device"),
            ({"fsync": interrupt}, KeyboardInterrupt, None),
            ({"link": no_links, "replace": interrupt}, KeyboardInterrupt, None),
        ],
    )
    def test_a_system_call_fails(
        self,
        file_format: Format,
        overwrite: bool,
        failing: dict[str, Any],
        failure: type[BaseException],
        message: str | None,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, function in failing.items():
            monkeypatch.setattr(os, name, function)
        with pytest.raises(failure, match=message):
            self.write(tmp_path, file_format, overwrite)

    @pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
    def test_the_source_of_the_rows_fails(
        self, file_format: Format, overwrite: bool, failure: type[BaseException], tmp_path: Path
    ) -> None:
        def failing_pages() -> Iterator[tuple[str, Columns]]:
            yield from pages()
            raise failure("stop")

        with pytest.raises(failure, match="stop"):
            write(failing_pages(), tmp_path / "f", file_format, interval="1m", fields=FIELDS, overwrite=overwrite)

    def test_the_caller_ignores_a_failed_write(self, file_format: Format, overwrite: bool, tmp_path: Path) -> None:
        with ExitStack() as stack:
            writer = stack.enter_context(
                open_writer(tmp_path / "f", file_format, interval="1m", fields=FIELDS, overwrite=overwrite)
            )
            writer.write(*PAGES[0])
            with pytest.raises(OutputError):
                writer.write("\ud800", columns([1]))
            writer.write(*PAGES[1])
            with pytest.raises(OutputError, match="rows are missing since an earlier error"):
                stack.close()


@every_arrow_format
def test_a_failure_while_types_widen_leaves_no_file(
    file_format: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", 50)
    targets: list[Path] = []

    class ThirdFails(AtomicFile):
        def __init__(self, target: Path) -> None:
            targets.append(target)
            if len(targets) > 2:
                disk_full()
            super().__init__(target)

    monkeypatch.setattr(files, "AtomicFile", ThirdFails)
    parts = [
        (MARKET, columns(range(i * 50, i * 50 + 50), [value] * 50)) for i, value in enumerate(["1", "9" * 30, "9" * 60])
    ]
    with pytest.raises(OutputError, match="No space left"):
        write(parts, tmp_path / "f", file_format, interval="1m", fields=FIELDS)
    assert len(targets) == 3
    assert names(tmp_path) == []


@every_arrow_format
def test_a_missing_extra_is_named_and_leaves_no_file(
    file_format: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match="pip install"):
        write(PAGES, tmp_path / "f", file_format, interval="1m", fields=FIELDS)
    assert names(tmp_path) == []


def test_an_interrupt_after_the_link_leaves_the_complete_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink, calls = Path.unlink, list[Path]()

    def interrupted_once(self: Path, missing_ok: bool = False) -> None:
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        write(PAGES, tmp_path / "f", "csv", interval="1m", fields=FIELDS)
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_text().count("\n") == 4


def test_rows_are_counted_while_they_are_written(tmp_path: Path) -> None:
    with open_writer(tmp_path / "f", "parquet", interval="1m", fields=FIELDS) as writer:
        writer.write(*PAGES[0])
        assert writer.rows == 2
        writer.write(*PAGES[1])
        assert [name for name in names(tmp_path) if not name.endswith(".partial")] == []
    assert writer.rows == 3
    assert read(tmp_path / "f")["oi_base"].to_pylist()[0] == Decimal("12483.50")

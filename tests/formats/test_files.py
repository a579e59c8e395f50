from __future__ import annotations

import csv
import errno
import io
import json
import os
import resource
import stat
import sys
import threading
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
from support.sample_series import MARKET, columns, series

PAGES = [(MARKET, columns([0, 1], ["12483.50", "7"], ["0.000", "1"], provisional=[1])), ("b", columns([0]))]
every_format = pytest.mark.parametrize("form", FORMATS)


def read(path: Path) -> pa.Table:
    """A Parquet or an Arrow file."""
    if path.read_bytes()[:4] == b"PAR1":
        return pq.ParquetFile(path).read()
    return pa.ipc.open_file(path.read_bytes()).read_all()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pages(count: int = 20, rows: int = 50) -> Iterator[tuple[str, Columns]]:
    for page in range(count):
        yield MARKET, columns(range(page * rows, (page + 1) * rows))


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size``: writing fails half way through, for real."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestText:
    def test_csv_has_the_columns_and_the_text_of_the_server(self, tmp_path: Path) -> None:
        assert write(PAGES, tmp_path / "f", "csv", interval="1m") == 3
        assert (tmp_path / "f").read_bytes() == (
            b"market_id,ts,oi_base,oi_quote_usd\n"
            b"hl:perp:BTC-USDC,2026-05-01T00:00:00+00:00,12483.50,0.000\n"
            b"hl:perp:BTC-USDC,2026-05-01T00:01:00+00:00,7,1\n"
            b"b,2026-05-01T00:00:00+00:00,0.50,0.50\n"
        )

    def test_json_lines_have_the_same_as_strings(self, tmp_path: Path) -> None:
        assert write(PAGES, tmp_path / "f", "jsonl", interval="1m") == 3
        first, _, last = (tmp_path / "f").read_text().splitlines()
        assert first == (
            '{"market_id":"hl:perp:BTC-USDC","ts":"2026-05-01T00:00:00+00:00",'
            '"oi_base":"12483.50","oi_quote_usd":"0.000"}'
        )
        assert json.loads(last)["market_id"] == "b"

    @pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "4h", "1d"])
    @pytest.mark.parametrize("buckets", [range(1441), [1439, 1440], [0, 1, 3, 1440, 1442, 4000], [-1, 0], [7]])
    def test_times_are_those_of_the_rows(self, interval: Any, buckets: range | list[int]) -> None:
        one, stream = columns(buckets, interval=interval), io.StringIO()
        assert write_text([(MARKET, one)], stream, "csv", interval=interval) == len(one)
        stream.seek(0)
        assert [row["ts"] for row in csv.DictReader(stream)] == [stamp.isoformat() for stamp in one.ts]

    @pytest.mark.parametrize(
        "market_id",
        [
            'a,b"c',
            '"',
            "a\nb\r\nc",
            "=1+1",
            "+1",
            "-1",
            "@a",
            " a ",
            "",
            "été 🎈",
            "a\x00b",
            "\u2028",
            "'",
            "\\",
            "\ufeff",
        ],
    )
    def test_market_ids_are_data(self, market_id: str, tmp_path: Path) -> None:
        one = series([0], market_id=market_id)
        one.to_csv(tmp_path / "f.csv")
        one.to_jsonl(tmp_path / "f.jsonl")
        with (tmp_path / "f.csv").open(newline="", encoding="utf-8") as file:
            assert [row["market_id"] for row in csv.DictReader(file)] == [market_id]
        text = (tmp_path / "f.jsonl").read_text(encoding="utf-8")
        assert text.count("\n") == 1
        assert json.loads(text)["market_id"] == market_id

    def test_no_rows_are_a_header_in_csv_and_nothing_in_json_lines(self) -> None:
        found: dict[TextFormat, str] = {"csv": "", "jsonl": "none"}
        for form in found:
            stream = io.StringIO()
            write_text([(MARKET, Columns.empty(2))], stream, form, interval="1m")
            found[form] = stream.getvalue()
        assert found == {"csv": "market_id,ts,oi_base,oi_quote_usd\n", "jsonl": ""}

    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_a_stream_gets_what_a_file_gets(self, form: TextFormat, tmp_path: Path) -> None:
        stream = io.StringIO()
        assert write_text(PAGES, stream, form, interval="1m") == write(PAGES, tmp_path / "f", form, interval="1m")
        assert stream.getvalue() == (tmp_path / "f").read_text()

    def test_a_closed_pipe_is_the_business_of_the_caller(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with pytest.raises(BrokenPipeError), os.fdopen(writing, "w") as stream:
            write_text(pages(), stream, "csv", interval="1m")

    def test_knows_no_other_format(self) -> None:
        with pytest.raises(UsageError, match="csv or jsonl"):
            write_text([], io.StringIO(), "parquet", interval="1m")  # type: ignore[arg-type]


class TestArrowFiles:
    @pytest.mark.parametrize("form", ["parquet", "arrow"])
    def test_are_the_table_with_its_metadata(self, form: Format, tmp_path: Path) -> None:
        said = {"source": "here"}
        assert write(PAGES, tmp_path / "f", form, interval="1m", metadata=said) == 3
        table = read(tmp_path / "f")
        assert table == to_table(PAGES, "1m", RowSchema())
        assert table.schema.metadata == {b"interval": b"1m", b"source": b"here"}

    @pytest.mark.parametrize("form", ["parquet", "arrow"])
    def test_of_no_rows_have_the_columns(self, form: Format, tmp_path: Path) -> None:
        for number, nothing in enumerate([[], [(MARKET, Columns.empty(2))]]):
            path = tmp_path / str(number)
            assert write(nothing, path, form, interval="1m") == 0
            assert read(path).schema == RowSchema().arrow

    @pytest.mark.parametrize("decimals", ["text", "float"])
    def test_hold_text_or_floats_when_asked(self, decimals: Any, tmp_path: Path) -> None:
        series([0]).to_parquet(tmp_path / "f", decimals=decimals)
        assert read(tmp_path / "f")["oi_base"].to_pylist() == {"text": ["0.50"], "float": [0.5]}[decimals]

    def test_of_a_series_say_where_the_rows_came_from(self, tmp_path: Path) -> None:
        one = series([0, 1])
        assert one.to_parquet(tmp_path / "f") == 2
        assert read(tmp_path / "f").schema.metadata == one.to_arrow().schema.metadata

    @pytest.mark.parametrize("form", ["parquet", "arrow"])
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
    def test_of_a_stream_end_in_the_types_of_the_whole(
        self, form: Format, values: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 2)
        one = columns(range(2 * len(values)), [value for value in values for _ in (0, 1)], ["1"] * 2 * len(values))
        parts = [(MARKET, one[row : row + 2]) for row in range(0, len(one), 2)]
        write(parts, tmp_path / "f", form, interval="1m", metadata={"source": "here"})
        whole = to_table([(MARKET, one)], "1m", RowSchema())
        assert read(tmp_path / "f") == whole
        assert read(tmp_path / "f").schema.metadata == {b"interval": b"1m", b"source": b"here"}
        assert names(tmp_path) == ["f"]

    def test_hold_rows_together_in_groups(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "BATCH", 100)
        write(pages(9, 30), tmp_path / "f", "parquet", interval="1m")
        rows = pq.ParquetFile(tmp_path / "f").metadata
        assert [rows.row_group(i).num_rows for i in range(rows.num_row_groups)] == [100, 20, 100, 20, 30]

    @pytest.mark.parametrize("form", ["parquet", "arrow"])
    def test_are_not_made_when_a_late_value_fits_no_type(
        self, form: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 1)
        late = [*pages(3, 1), (MARKET, columns([7], ["1" * 77])), *pages(3, 1)]
        with pytest.raises(PrecisionError, match="2026-05-01T00:07:00Z"):
            write(late, tmp_path / "f", form, interval="1m")
        assert names(tmp_path) == []


class TestPlace:
    @every_format
    def test_an_existing_file_is_kept_and_the_way_out_named(self, form: Format, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("old")

        def untouched() -> Iterator[tuple[str, Columns]]:
            raise AssertionError("asked for rows that cannot be written")
            yield

        with pytest.raises(OutputError, match=r"exists already.*overwrite=True.*--overwrite"):
            write(untouched(), path, form, interval="1m")
        assert (path.read_text(), names(tmp_path)) == ("old", ["f"])

    @every_format
    def test_overwrite_replaces_it(self, form: Format, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("old")
        write(PAGES, tmp_path / "f", form, interval="1m", overwrite=True)
        write(PAGES, tmp_path / "g", form, interval="1m", overwrite=True)
        assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes() != b"old"
        assert names(tmp_path) == ["f", "g"]

    def test_a_file_that_appears_meanwhile_is_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "f"

        def slowly() -> Iterator[tuple[str, Columns]]:
            yield PAGES[0]
            path.write_text("other")

        with pytest.raises(OutputError, match="exists already"):
            write(slowly(), path, "csv", interval="1m")
        assert (path.read_text(), names(tmp_path)) == ("other", ["f"])

    @pytest.mark.parametrize("links", [True, False])
    def test_of_many_writers_at_once_one_wins(
        self, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        barrier, outcomes = threading.Barrier(8), []

        def run(number: int) -> None:
            try:
                with open_writer(tmp_path / "f", "csv", interval="1m") as sink:
                    sink.write(f"writer {number}", columns(range(50)))
                    barrier.wait(10)
                outcomes.append(number)
            except OutputError as error:
                assert "exists already" in str(error)  # noqa: PT017

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        (winner,) = outcomes
        assert (tmp_path / "f").read_text().count(f"writer {winner},") == 50
        assert names(tmp_path) == ["f"]

    def test_works_where_there_are_no_hard_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", no_links)
        write(PAGES, tmp_path / "f", "csv", interval="1m")
        assert (tmp_path / "f").read_text().count("\n") == 4
        assert names(tmp_path) == ["f"]

    def test_follows_symbolic_links(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "latest").symlink_to(tmp_path / "data" / "f")
        write(PAGES, tmp_path / "latest", "csv", interval="1m")
        with pytest.raises(OutputError, match="exists already"):
            write(PAGES, tmp_path / "latest", "csv", interval="1m")
        write(PAGES, tmp_path / "latest", "jsonl", interval="1m", overwrite=True)
        assert (tmp_path / "latest").is_symlink()
        assert (tmp_path / "data" / "f").read_text().startswith("{")

    def test_has_the_permissions_that_the_umask_gives(self, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            write(PAGES, tmp_path / "f", "parquet", interval="1m")
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640

    @every_format
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_says_why_no_file_can_stand_there(self, form: Format, overwrite: bool, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        os.mkfifo(tmp_path / "pipe")
        for name, why in {
            "folder": "it is a folder",
            "pipe": "not a regular file",
            "none/f": "does not exist",
            "file/f": "Not a directory",
            "loop": "ymlink|symbolic link",
            "n" * 300: "too long",
            "\0": "null",
        }.items():
            with pytest.raises(OutputError, match=why) as caught:
                write(PAGES, tmp_path / name, form, interval="1m", overwrite=overwrite)
            assert str(tmp_path) in str(caught.value)
        assert names(tmp_path) == ["file", "folder", "loop", "pipe"]

    def test_knows_no_other_format(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="csv, jsonl, parquet, arrow"):
            write(PAGES, tmp_path / "f", "xlsx", interval="1m")  # type: ignore[arg-type]

    def test_takes_a_path_as_text(self, tmp_path: Path) -> None:
        assert write(PAGES, str(tmp_path / "f"), "csv", interval="1m") == 3


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@every_format
@pytest.mark.parametrize("overwrite", [False, True])
class TestFaults:
    """Whatever happens: what stood there stands there still, and nothing half-written is left."""

    @pytest.fixture(autouse=True)
    def _unharmed(self, tmp_path: Path, overwrite: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        if overwrite:
            (tmp_path / "f").write_text("old")
        yield
        monkeypatch.undo()
        assert names(tmp_path) == (["f"] if overwrite else [])
        if overwrite:
            assert (tmp_path / "f").read_text() == "old"

    def write(self, path: Path, form: Format, overwrite: bool) -> None:
        write(pages(), path / "f", form, interval="1m", overwrite=overwrite)

    def test_a_disk_that_is_full_half_way(
        self, form: Format, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BATCH", 100)
        with small_disk(3000), pytest.raises(OutputError, match="too large") as caught:
            self.write(tmp_path, form, overwrite)
        assert str(tmp_path / "f") in str(caught.value)

    @pytest.mark.parametrize("step", ["fsync", "open", "fdopen", "link", "replace"])
    def test_a_step_that_fails(
        self, form: Format, overwrite: bool, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, step, full)
        if step == "link":
            monkeypatch.setattr(os, "replace", full)
        if step == "replace":
            monkeypatch.setattr(os, "link", no_links)
        with pytest.raises(OutputError, match="No space left on device"):
            self.write(tmp_path, form, overwrite)

    def test_no_permission(
        self, form: Format, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(OutputError, match="Permission denied"):
            self.write(tmp_path, form, overwrite)

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError, SystemExit])
    def test_an_error_where_the_rows_come_from(
        self, form: Format, overwrite: bool, kind: type[BaseException], tmp_path: Path
    ) -> None:
        def stopped() -> Iterator[tuple[str, Columns]]:
            yield from pages()
            raise kind("stop")

        with pytest.raises(kind, match="stop"):
            write(stopped(), tmp_path / "f", form, interval="1m", overwrite=overwrite)

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_an_interrupt_at_the_end(
        self, form: Format, overwrite: bool, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "link", no_links)
        monkeypatch.setattr(os, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            self.write(tmp_path, form, overwrite)

    def test_a_failed_write_that_the_caller_ignores(self, form: Format, overwrite: bool, tmp_path: Path) -> None:
        with ExitStack() as stack:
            sink = stack.enter_context(open_writer(tmp_path / "f", form, interval="1m", overwrite=overwrite))
            sink.write(*PAGES[0])
            with pytest.raises(OutputError):
                sink.write("\ud800", columns([1]))
            sink.write(*PAGES[1])
            with pytest.raises(OutputError, match="rows are missing since an earlier error"):
                stack.close()

    def test_a_failure_while_the_types_widen(
        self, form: Format, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if form in ("csv", "jsonl"):
            pytest.skip("text has no types")
        monkeypatch.setattr(files, "BATCH", 50)
        made: list[object] = []

        class Third(AtomicFile):
            def __init__(self, target: Path) -> None:
                made.append(target)
                if len(made) > 2:
                    full()
                super().__init__(target)

        monkeypatch.setattr(files, "AtomicFile", Third)
        values = ["1", "9" * 30, "9" * 60]
        parts = [(MARKET, columns(range(i * 50, i * 50 + 50), [value] * 50)) for i, value in enumerate(values)]
        with pytest.raises(OutputError, match="No space left"):
            write(parts, tmp_path / "f", form, interval="1m", overwrite=overwrite)
        assert len(made) == 3

    def test_a_missing_extra(
        self, form: Format, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if form in ("csv", "jsonl"):
            pytest.skip("text needs none")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(OutputError, match="pip install"):
            self.write(tmp_path, form, overwrite)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_is_never_replaced() -> None:
    with pytest.raises(OutputError, match="not a regular file"):
        write(PAGES, "/dev/full", "csv", interval="1m", overwrite=True)


def test_text_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyarrow", "polars", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    assert series([0]).to_csv(tmp_path / "f.csv") == series([0]).to_jsonl(tmp_path / "f.jsonl") == 1


def test_an_interrupt_between_the_link_and_the_end_leaves_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.unlink, []

    def unlink(self: Path, missing_ok: bool = False) -> None:
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(KeyboardInterrupt):
        write(PAGES, tmp_path / "f", "csv", interval="1m")
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_text().count("\n") == 4


def test_rows_are_counted_while_they_are_written(tmp_path: Path) -> None:
    with open_writer(tmp_path / "f", "parquet", interval="1m") as sink:
        sink.write(*PAGES[0])
        assert sink.rows == 2
        sink.write(*PAGES[1])
        assert [name for name in names(tmp_path) if not name.endswith(".partial")] == []
    assert sink.rows == 3
    assert read(tmp_path / "f")["oi_base"].to_pylist()[0] == Decimal("12483.50")

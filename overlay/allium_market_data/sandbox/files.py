"""The user's own samples: CSV or Parquet files with the columns market_id, ts and the amounts.

``ts`` is ISO 8601 text or a timestamp (UTC if naive), or a whole number of a unit that the `FileLayout` names. An amount
is text or a number, plain, or with an exponent: ``1e-05`` is read as ``0.00001``. A float of a Parquet file is read as
the shortest text that stands for it. That is how programs write it to CSV, so a table has the same rows in both formats.

Other columns are ignored. Every cell is checked when a file is loaded; the first invalid one raises a `SandboxError` that
names the file, the line (in Parquet the row, from 1) and the column, unless bad rows are to be skipped.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..errors import SandboxError
from .cells import BadRowError, sample_of
from .csv_file import GZIP, Record, csv_records
from .layout import FileLayout
from .parquet_file import parquet_records
from .source import Source, insert

_PARQUET: Final = b"PAR1"
_UTF_16: Final = "the text is UTF-16; save it as UTF-8"
_UNREADABLE: Final = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PK\x03\x04": "a zip archive or an Excel workbook; save the table in it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it, or use gzip",
    b"\xfd7zX": "compressed with xz; unpack it, or use gzip",
    b"BZh": "compressed with bzip2; unpack it, or use gzip",
    b"ARRO": "an Arrow file; save the table as Parquet or CSV",
    b"{": "JSON; save the table as CSV",
    b"[": "JSON; save the table as CSV",
}
"""What is wrong with a file that begins with these bytes."""


@dataclass
class LoadedFile:
    """A file that was loaded: the number of its rows, how many were skipped, and what is wrong with the first of those."""

    path: Path
    rows: int = 0
    skipped: int = 0
    first_problem: str | None = None


def load_files(
    connection: Any, paths: Iterable[Path], layout: FileLayout, *, skip_bad_rows: bool = False
) -> tuple[list[Source], list[LoadedFile]]:
    """Load the files at ``paths`` into ``connection``; return their markets, and what was read of each file."""
    paths = list(paths)
    if not paths:
        return [], []
    amounts = ", ".join(f"v{index} VARCHAR" for index in range(len(layout.signed)))
    connection.execute(f"CREATE OR REPLACE TABLE loaded (market_id VARCHAR, t BIGINT, {amounts})")
    loaded = [_load(connection, path, layout, skip_bad_rows=skip_bad_rows) for path in paths]
    markets = connection.execute("SELECT market_id FROM loaded GROUP BY market_id ORDER BY min(rowid)").fetchall()
    return [Source(market_id, "file", "from --data", partial(_fill, market_id)) for (market_id,) in markets], loaded


def _fill(market_id: str, connection: Any, table: str) -> None:
    statement = f"INSERT INTO {table} SELECT * EXCLUDE market_id FROM loaded WHERE market_id = ? ORDER BY rowid"  # noqa: S608
    connection.execute(statement, [market_id])


def _load(connection: Any, path: Path, layout: FileLayout, *, skip_bad_rows: bool) -> LoadedFile:
    try:
        if not path.exists():
            raise SandboxError(f"{path}: no such file")
        if not path.is_file():
            raise SandboxError(f"{path}: not a file")
        if _is_parquet(path):
            unit, records = "row", parquet_records(connection, path, layout)
        else:
            unit, records = "line", csv_records(path, layout)
        file = LoadedFile(path)
        types = ("VARCHAR", "BIGINT", *("VARCHAR" for _ in layout.signed))
        insert(connection, "loaded", _samples(file, unit, records, layout, skip_bad_rows=skip_bad_rows), types)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SandboxError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if file.rows == file.skipped:
        raise SandboxError(f"{path}: no samples" + (f"; the first row: {file.first_problem}" if file.rows else ""))
    return file


def _is_parquet(path: Path) -> bool:
    """True for Parquet, False for CSV. Raises `SandboxError` for a file of another format."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(GZIP):
        try:
            with gzip.open(path) as unpacked:
                magic = unpacked.read(4)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SandboxError(f"{path}: the gzip data is cut off or corrupt: {error}") from error
        if magic == _PARQUET:
            raise SandboxError(f"{path}: a Parquet file compressed with gzip; unpack it")
    if not magic:
        raise SandboxError(f"{path}: the file is empty")
    for start, problem in _UNREADABLE.items():
        if magic.startswith(start):
            raise SandboxError(f"{path}: {problem}")
    if b"\0" in magic[:2]:
        raise SandboxError(f"{path}: {_UTF_16}")
    return magic == _PARQUET or path.suffix == ".parquet"


def _samples(
    file: LoadedFile, unit: str, records: Iterable[Record], layout: FileLayout, *, skip_bad_rows: bool
) -> Iterator[tuple[object, ...]]:
    """The samples of ``records``. Raises `SandboxError` for the first bad row, unless bad rows are skipped."""
    for number, cells in records:
        file.rows += 1
        try:
            if isinstance(cells, BadRowError):
                raise cells
            yield sample_of(layout, cells)
        except BadRowError as error:
            problem = f"{unit} {number}{error}"
            if not skip_bad_rows:
                raise SandboxError(f"{file.path}, {problem}") from None
            file.skipped += 1
            file.first_problem = file.first_problem or problem

"""The user's own samples: CSV or Parquet files with the columns market_id, ts, oi_base and oi_quote_usd.

``ts`` is ISO 8601 text or a timestamp (UTC if naive); amounts are text or decimals, plain and not negative. Other
columns are ignored. Every cell is checked when a file is loaded; the first invalid one raises a `SandboxError` that names
the file, the line (in Parquet the row, from 1) and the column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import duckdb

from ..errors import SandboxError
from .instants import parse_instant
from .source import Source, insert

COLUMNS: Final = ("market_id", "ts", "oi_base", "oi_quote_usd")

_SLUG: Final = re.compile(r"[^\s:/\x00-\x1f\x7f]+(?::[^\s:/\x00-\x1f\x7f]+){2}")
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_EARLIEST: Final = parse_instant("1970-01-01")
# A label may be the end of a bucket, and must have a year of four digits too.
_LATEST: Final = parse_instant("9999-01-01")
_BATCH: Final = 50_000

Cell: TypeAlias = str | int | None
Record: TypeAlias = tuple[int, Sequence[Cell]]
"""Line or row number, and the cells of `COLUMNS`; a time that is not text is in nanoseconds since 1970."""


def load_files(connection: Any, paths: Iterable[Path]) -> list[Source]:
    """Load the files at ``paths`` into ``connection``; return their markets."""
    paths = list(paths)
    if not paths:
        return []
    connection.execute(
        "CREATE OR REPLACE TABLE loaded (market_id VARCHAR, t BIGINT, oi_base VARCHAR, oi_quote_usd VARCHAR)"
    )
    for path in paths:
        _load(connection, path)
    markets = connection.execute("SELECT market_id FROM loaded GROUP BY market_id ORDER BY min(rowid)").fetchall()
    return [Source(market_id, "file", "from --data", partial(_fill, market_id)) for (market_id,) in markets]


def _fill(market_id: str, connection: Any, table: str) -> None:
    statement = f"INSERT INTO {table} SELECT t, oi_base, oi_quote_usd FROM loaded WHERE market_id = ? ORDER BY rowid"  # noqa: S608
    connection.execute(statement, [market_id])


def _load(connection: Any, path: Path) -> None:
    try:
        if not path.exists():
            raise SandboxError(f"{path}: no such file")
        if not path.is_file():
            raise SandboxError(f"{path}: not a file")
        with path.open("rb") as file:
            magic = file.read(4)
        if not magic:
            raise SandboxError(f"{path}: the file is empty")
        if magic == b"PAR1" or path.suffix == ".parquet":
            unit, records = "row", _parquet_records(connection, path)
        else:
            unit, records = "line", _csv_records(path)
        before = connection.execute("SELECT count(*) FROM loaded").fetchone()[0]
        insert(connection, "loaded", _checked(path, unit, records), ("VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"))
        if connection.execute("SELECT count(*) FROM loaded").fetchone()[0] == before:
            raise SandboxError(f"{path}: no samples")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SandboxError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _checked(path: Path, unit: str, records: Iterable[Record]) -> Iterator[tuple[str, int, str, str]]:
    """The rows of ``records`` ready to be stored. Raises `SandboxError` for the first invalid cell."""
    for number, (market_id, ts, base, quote) in records:
        place = f"{path}, {unit} {number}"
        if not isinstance(market_id, str) or not _SLUG.fullmatch(market_id):
            _fail(place, "market_id", market_id, "not {venue}:{instrument_type}:{pair}")
        t = _time(place, ts)
        yield market_id, t, _amount(place, "oi_base", base), _amount(place, "oi_quote_usd", quote)


def _time(place: str, cell: Cell) -> int:
    if cell is None:
        _fail(place, "ts", cell, "missing")
    try:
        t = parse_instant(cell) if isinstance(cell, str) else _whole(cell)
    except ValueError as error:
        _fail(place, "ts", cell, str(error))
    if not _EARLIEST <= t < _LATEST:
        _fail(place, "ts", cell, "outside the years 1970 to 9998")
    return t


def _whole(nanoseconds: int) -> int:
    if nanoseconds % 1000:
        raise ValueError("finer than a microsecond")
    return nanoseconds // 1000


def _amount(place: str, column: str, cell: Cell) -> str:
    if not isinstance(cell, str) or not _PLAIN.fullmatch(cell):
        _fail(place, column, cell, "not a plain, non-negative decimal like 12483.50")
    return cell


def _fail(place: str, column: str, cell: Cell, reason: str) -> NoReturn:
    preview = "nothing" if cell is None or cell == "" else ascii(cell)
    preview = preview if len(preview) <= 60 else preview[:57] + "..."
    raise SandboxError(f"{place}, column {column}: {preview}: {reason}")


def _csv_records(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        reader = csv.reader(_decoded(path, file), strict=True)
        first = 1  # line where the next record starts: a record with quoted line ends has several lines
        try:
            header = next(reader, [])
            indices = _column_indices(path, header)
            first = reader.line_num + 1
            for fields in reader:
                number, first = first, reader.line_num + 1
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise SandboxError(f"{path}, line {number}: {len(fields)} fields, the header has {len(header)}")
                yield number, [fields[index] for index in indices]
        except csv.Error as error:
            raise SandboxError(f"{path}, line {first}: {error}") from error


def _decoded(path: Path, lines: Iterable[bytes]) -> Iterator[str]:
    """The text of ``lines``, decoded one by one, so that an error names its line."""
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SandboxError(f"{path}, line {number}: not UTF-8 at byte {error.start + 1} of the line") from error


def _column_indices(path: Path, header: Sequence[str]) -> list[int]:
    for column in COLUMNS:
        if header.count(column) != 1:
            problem = "is missing" if column not in header else "appears more than once"
            raise SandboxError(f"{path}, line 1: column {column} {problem}; required are {', '.join(COLUMNS)}")
    return [header.index(column) for column in COLUMNS]


def _parquet_records(connection: Any, path: Path) -> Iterator[Record]:
    # DuckDB takes the name as a pattern: escape its special characters.
    pattern = re.sub(r"([*?\[])", r"[\1]", str(path))
    try:
        with closing(connection.cursor()) as cursor:
            described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", [pattern]).fetchall()
            types = {name: kind for name, kind, *_ in described}
            cells = ", ".join(_parquet_cell(path, column, types) for column in COLUMNS)
            statement = f"SELECT file_row_number + 1, {cells} FROM read_parquet(?, file_row_number = true)"  # noqa: S608
            cursor.execute(statement, [pattern])
            while rows := cursor.fetchmany(_BATCH):
                yield from ((number, record) for number, *record in rows)
    except duckdb.Error as error:
        raise SandboxError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from error


def _parquet_cell(path: Path, column: str, types: dict[str, str]) -> str:
    """The SQL of a cell: text unchanged, times in nanoseconds, decimals as text in their own scale."""
    if column not in types:
        raise SandboxError(f"{path}: column {column} is missing; required are {', '.join(COLUMNS)}")
    kind = types[column]
    if kind == "VARCHAR":
        return column
    if column == "ts" and kind.startswith("TIMESTAMP"):
        return f"epoch_ns({column})" if kind.endswith("_NS") else f"epoch_us({column})::HUGEINT * 1000"
    if column.startswith("oi_") and (kind.startswith("DECIMAL") or kind.endswith(("INT", "INTEGER"))):
        return f"{column}::VARCHAR"
    allowed = {"market_id": "text", "ts": "text or a timestamp"}.get(column, "text or decimals: floats are not exact")
    raise SandboxError(f"{path}: column {column} is {kind}, and must be {allowed}")

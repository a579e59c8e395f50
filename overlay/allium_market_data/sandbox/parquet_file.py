"""The records of a user's Parquet file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb

from ..errors import SandboxError
from .csv_file import Record
from .layout import FileLayout

BATCH: Final = 50_000
_WIDEST: Final = 38
"""Digits of the widest decimal that DuckDB reads exactly; it takes wider ones for floats."""


def parquet_records(connection: Any, path: Path, layout: FileLayout) -> Iterator[Record]:
    """The records. Raises `SandboxError` for a file that cannot be read and a column of a wrong type."""
    # DuckDB takes the name as a pattern: escape its special characters.
    pattern = re.sub(r"([*?\[])", r"[\1]", str(path))
    try:
        with closing(connection.cursor()) as cursor:
            described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", [pattern]).fetchall()
            types = {name: kind for name, kind, *_ in described}
            for column in layout.required:
                if layout.name_of(column) not in types:
                    raise SandboxError(f"{path}: {layout.missing(column, types)}")
            wide = "SELECT name FROM parquet_schema(?) WHERE precision > ?"
            names = {name for (name,) in cursor.execute(wide, [pattern, _WIDEST]).fetchall()}
            names &= {layout.name_of(column) for column in layout.required}
            if names:
                cursor.register("wide_decimals", _with_text(path, layout, names))
                types |= dict.fromkeys(names, "VARCHAR")
                table, parameters = "wide_decimals", list[str]()
            else:
                table, parameters = "read_parquet(?)", [pattern]
            cells = ", ".join(_cell(path, layout, column, types) for column in layout.required)
            cursor.execute(f"SELECT {cells} FROM {table}", parameters)  # noqa: S608 - quoted names
            number = 0
            while rows := cursor.fetchmany(BATCH):
                yield from enumerate(rows, number + 1)
                number += len(rows)
    except duckdb.Error as error:
        raise SandboxError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from error


def _cell(path: Path, layout: FileLayout, column: str, types: dict[str, str]) -> str:
    """The SQL of a cell: text as it is, times in nanoseconds, numbers as text: the shortest one of a float."""
    name = layout.name_of(column)
    kind, quoted = types[name], '"' + name.replace('"', '""') + '"'
    is_whole = kind.endswith(("INT", "INTEGER"))
    if kind == "VARCHAR":
        return quoted
    if column == "ts" and kind.startswith("TIMESTAMP"):
        return f"epoch_ns({quoted})" if kind.endswith("_NS") else f"epoch_us({quoted})::HUGEINT * 1000"
    if column == "ts" and is_whole:
        return f"{quoted}::VARCHAR"
    if column in layout.signed and (is_whole or kind.startswith("DECIMAL") or kind in ("FLOAT", "DOUBLE")):
        return f"{quoted}::VARCHAR"
    allowed = {"market_id": "text", "ts": "text or a timestamp"}.get(column, "text or numbers")
    raise SandboxError(f"{path}: column {name} is {kind}, and must be {allowed}")


def _with_text(path: Path, layout: FileLayout, wide: set[str]) -> Any:
    """The file as an Arrow table, with its ``wide`` decimals as text."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise SandboxError(
            f"{path}: column {min(wide)} is a decimal of more than {_WIDEST} digits, which pyarrow reads: "
            "pip install 'allium-market-data[arrow]'"
        ) from None
    try:
        table = pq.read_table(path, columns=list(dict.fromkeys(map(layout.name_of, layout.required))))
    except (OSError, pa.ArrowException) as error:
        raise SandboxError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from error
    for name in wide:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table.column(name).cast(pa.string()))
    return table

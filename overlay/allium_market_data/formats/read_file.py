"""Files of rows read back: CSV, JSON Lines, Parquet and Arrow as one Arrow table, decimals without a detour over floats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..optional import require
from .files import FORMATS, Format, Path

if TYPE_CHECKING:
    import pyarrow as pa


def read_file(path: Path, fields: Sequence[str]) -> pa.Table:
    """The rows of a file, in the format that its suffix names. ``fields`` are the decimal columns.

    Decimals of text formats stay text. Only Parquet and Arrow files say where their rows came from. Raises ``UsageError`` for
    another suffix, and for a file that cannot be read or is not of its format.
    """
    suffix = FilePath(path).suffix.removeprefix(".").lower()
    file_format = next((known for known in FORMATS if known == suffix), None)
    if file_format is None:
        raise UsageError(f"cannot tell the format of {path}: name it .{', .'.join(FORMATS)}")
    try:
        return _read(FilePath(path), file_format, fields)
    except (OSError, require("pyarrow", "arrow").ArrowException) as error:
        raise UsageError(f"cannot read {path} as {file_format}: {error}") from error


def _read(path: FilePath, file_format: Format, fields: Sequence[str]) -> Any:
    pa = require("pyarrow", "arrow")
    text = {name: pa.string() for name in ("market_id", "ts", *fields)}
    types = {**text, "provisional": pa.bool_()}
    if file_format == "csv":
        csv = require("pyarrow.csv", "arrow")
        return csv.read_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        )
    if file_format == "jsonl":
        json = require("pyarrow.json", "arrow")
        if path.stat().st_size == 0:  # no rows; pyarrow wants at least one
            return pa.schema(types).empty_table()
        return json.read_json(path, parse_options=json.ParseOptions(explicit_schema=pa.schema(types)))
    if file_format == "parquet":
        return require("pyarrow.parquet", "arrow").read_table(path)
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()

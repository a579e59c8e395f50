"""The records of a user's CSV file, which may be compressed with gzip."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from ..errors import SandboxError
from .cells import BadRowError, Cell
from .layout import FileLayout

Record: TypeAlias = tuple[int, Sequence[Cell] | BadRowError]
"""Line or row number, and the cells of the required columns, or what is wrong with the row."""

GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


def csv_records(path: Path, layout: FileLayout) -> Iterator[Record]:
    """The records. Raises `SandboxError` for a header without the required columns, and for broken compression."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP
    with gzip.open(path) if is_gzip else path.open("rb") as lines:
        try:
            yield from _records(path, lines, layout)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SandboxError(f"{path}: the gzip data is cut off or corrupt: {error}") from error


def _records(path: Path, file: Iterable[bytes], layout: FileLayout) -> Iterator[Record]:
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise SandboxError(f"{path}, line 1: {error}") from error
    if lines.bad:
        raise SandboxError(f"{path}, line 1{lines.bad[0]}")
    indices = _indices(path, header, layout)
    while True:
        # A record with quoted line ends has several lines.
        number = reader.line_num + 1
        lines.bad.clear()
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield number, BadRowError(f": {error}")
            continue
        if fields is None:
            return
        if lines.bad:
            yield number, lines.bad[0]
        elif len(fields) not in (0, len(header)):
            yield number, BadRowError(f": {len(fields)} fields, the header has {len(header)}")
        elif fields:
            yield number, [fields[index] for index in indices]


class _Lines:
    """The lines of a file as text. ``bad`` has an error for each line that is not UTF-8."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._encoding = "utf-8-sig"
        self.bad: list[BadRowError] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError as error:
            self.bad.append(BadRowError(f": not UTF-8 at byte {error.start + 1} of the line"))
            text = line.decode(self._encoding, "replace")
        self._encoding = "utf-8"
        return text


def _indices(path: Path, header: Sequence[str], layout: FileLayout) -> list[int]:
    if len(header) == 1:
        for delimiter, name in _DELIMITERS.items():
            if delimiter in header[0]:
                raise SandboxError(f"{path}, line 1: the fields are separated by {name}; save the file with commas")
    for column in layout.required:
        name = layout.name_of(column)
        if name not in header:
            raise SandboxError(f"{path}, line 1: {layout.missing(column, header)}")
        if header.count(name) > 1:
            raise SandboxError(f"{path}, line 1: column {name} appears more than once")
    return [header.index(layout.name_of(column)) for column in layout.required]

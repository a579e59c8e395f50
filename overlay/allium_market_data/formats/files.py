"""Files of rows: CSV, JSON Lines, Parquet and Arrow, written page by page in bounded memory, complete or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO, TypeAlias, get_args

from ..errors import OutputError
from ..model.intervals import Interval
from ..model.rows import Columns
from ..optional import require
from ..validation import check_choice
from .arrow import BATCH, Decimals, RowSchema, text_table
from .atomic_file import AtomicFile, output_errors, resolve_target
from .text import TextFormat, header, lines

if TYPE_CHECKING:
    import pyarrow as pa

Path: TypeAlias = str | os.PathLike[str]
"""The path of a file."""

Format: TypeAlias = Literal["csv", "jsonl", "parquet", "arrow"]
"""The file formats; ``arrow`` is the Arrow IPC file format."""

FORMATS: Final[tuple[Format, ...]] = get_args(Format)


class RowWriter(ABC):
    """A file to which pages of rows are written, as a context manager.

    The file appears at its path, complete, at the end of the block. If an error or Ctrl-C leaves the block, no part of it
    remains and an existing file is unchanged. ``rows`` is the number of rows so far. Raises ``OutputError`` with the path;
    other errors within the block pass through.
    """

    def __init__(self, path: Path, interval: Interval, *, overwrite: bool) -> None:
        self.rows = 0
        self._path, self._overwrite = path, overwrite
        self._interval = interval
        self._failed = False

    def __enter__(self) -> Self:
        self._target = resolve_target(self._path, overwrite=self._overwrite)
        with output_errors(self._target):
            self._file = AtomicFile(self._target)
        try:
            with output_errors(self._target):
                self._start()
        except BaseException:
            self._abandon()
            raise
        return self

    def write(self, market_id: str, columns: Columns) -> None:
        """Append rows of one market."""
        try:
            with output_errors(self._target):
                self._write(market_id, columns)
        except BaseException:
            self._failed = True
            raise
        self.rows += len(columns)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                return
            if self._failed:
                raise OutputError(f"{self._target} was not written: rows are missing since an earlier error")
            with output_errors(self._target):
                self._finish()
                self._file.commit(overwrite=self._overwrite)
        finally:
            self._abandon()

    def _abandon(self) -> None:
        self._file.rollback()

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _write(self, market_id: str, columns: Columns) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class TextWriter(RowWriter):
    """CSV or JSON Lines in UTF-8."""

    def __init__(
        self, path: Path, text_format: TextFormat, interval: Interval, fields: Sequence[str], *, overwrite: bool
    ) -> None:
        super().__init__(path, interval, overwrite=overwrite)
        self._format: TextFormat = text_format
        self._fields = fields

    def _start(self) -> None:
        self._file.stream.write(header(self._format, self._fields).encode())

    def _write(self, market_id: str, columns: Columns) -> None:
        for part in lines(market_id, columns, self._interval, self._format, self._fields):
            self._file.stream.write(part.encode())

    def _finish(self) -> None:
        pass


class ArrowWriter(RowWriter):
    """Parquet or Arrow. Rows are buffered until they fill a batch, and the first batch decides the types.

    If a later row does not fit them, the file so far is copied, batch by batch, to a new one of wider types. So a stream
    gets the types that all its rows together would get. While all text is short, digits are not counted; from the first
    long text on they are, in the file so far and in every later batch.
    """

    def __init__(
        self,
        path: Path,
        arrow_format: Format,
        interval: Interval,
        schema: RowSchema,
        *,
        overwrite: bool,
    ) -> None:
        super().__init__(path, interval, overwrite=overwrite)
        self._format, self._schema = arrow_format, schema
        self._buffer: list[pa.Table] = []
        self._writer: Any = None
        self._counts_digits, self._has_uncounted = False, False

    def _start(self) -> None:
        require("pyarrow.parquet", "arrow")
        self._open()

    def _write(self, market_id: str, columns: Columns) -> None:
        if columns:
            self._buffer.append(text_table(market_id, columns, self._interval, self._schema.fields))
        if sum(map(len, self._buffer)) >= BATCH:
            self._flush()

    def _finish(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._buffer:
            return
        text = require("pyarrow", "arrow").concat_tables(self._buffer).combine_chunks()
        self._buffer = []
        self._counts_digits = self._counts_digits or not self._schema.fits_by_length(text)
        if self._counts_digits:
            self._widen(text)
        else:
            self._has_uncounted = True
        self._writer.write_table(self._schema.cast(text), BATCH)

    def _widen(self, text: pa.Table) -> None:
        """Widen the types of the file to hold these rows too."""
        schema = None if self._has_uncounted else self._schema.widened(text)
        if schema is None or schema.arrow != self._schema.arrow:
            self._rewrite(text)
        else:
            self._schema = schema

    def _open(self) -> None:
        schema = self._schema.arrow
        if self._format == "parquet":
            self._writer = require("pyarrow.parquet", "arrow").ParquetWriter(
                self._file.stream,
                schema,
                use_dictionary=["market_id"],
                column_encoding={"ts": "DELTA_BINARY_PACKED"},
            )
        else:
            self._writer = require("pyarrow", "arrow").ipc.new_file(self._file.stream, schema)

    def _rewrite(self, text: pa.Table) -> None:
        """Copy the rows so far to a new file, in types that hold them and ``text``."""
        self._writer.close()
        self._file.stream.flush()
        old = self._file
        try:
            with require("pyarrow", "arrow").OSFile(str(old.path)) as source:
                if self._has_uncounted:
                    for table in self._batches(source):
                        self._schema = self._schema.widened(self._schema.with_text(table))
                    self._has_uncounted = False
                self._schema = self._schema.widened(text)
                self._file = AtomicFile(self._target)
                self._open()
                for table in self._batches(source):
                    self._writer.write_table(table.cast(self._schema.arrow), BATCH)
        finally:
            old.rollback()

    def _batches(self, source: Any) -> Iterator[pa.Table]:
        """The batches of a file, one at a time."""
        if self._format == "parquet":
            parquet = require("pyarrow.parquet", "arrow").ParquetFile(source, pre_buffer=False)
            yield from map(parquet.read_row_group, range(parquet.num_row_groups))
        else:
            pa = require("pyarrow", "arrow")
            arrow = pa.ipc.open_file(source)
            yield from (pa.Table.from_batches([arrow.get_batch(i)]) for i in range(arrow.num_record_batches))

    def _abandon(self) -> None:
        if self._writer is not None:
            with suppress(Exception):  # closing writes again, which fails again on a full disk
                self._writer.close()
            self._writer.is_open = False
        super()._abandon()


def open_writer(
    path: Path,
    file_format: Format,
    *,
    interval: Interval,
    fields: Sequence[str],
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    decimals: Decimals = "exact",
) -> RowWriter:
    """A file for pages: ``with open_writer(path, "csv", ...) as writer: writer.write(market_id, columns)``.

    ``fields`` are the names of the decimal columns. ``metadata`` and ``decimals`` apply to Parquet and Arrow; text formats
    have the decimals as the server wrote them.
    Raises ``UsageError`` for an unknown format.
    """
    check_choice("format", file_format, FORMATS)
    if file_format in ("csv", "jsonl"):
        return TextWriter(path, file_format, interval, fields, overwrite=overwrite)
    schema = RowSchema(tuple(fields), decimals=decimals, metadata={"interval": interval, **(metadata or {})})
    return ArrowWriter(path, file_format, interval, schema, overwrite=overwrite)


def write(
    pages: Iterable[tuple[str, Columns]],
    path: Path,
    file_format: Format,
    *,
    interval: Interval,
    fields: Sequence[str],
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    decimals: Decimals = "exact",
) -> int:
    """Write all pages, each a market and its rows, to a file, and return the number of rows. See ``RowWriter``."""
    options: dict[str, Any] = {"metadata": metadata, "overwrite": overwrite, "decimals": decimals}
    with open_writer(path, file_format, interval=interval, fields=fields, **options) as writer:
        for market_id, columns in pages:
            writer.write(market_id, columns)
    return writer.rows


def write_text(
    pages: Iterable[tuple[str, Columns]],
    stream: TextIO,
    text_format: TextFormat,
    *,
    interval: Interval,
    fields: Sequence[str],
) -> int:
    """Write all pages to an open text stream, such as a pipe, and return the number of rows.

    Errors of the stream, including ``BrokenPipeError``, pass through. The stream must not translate line ends.
    """
    check_choice("text format", text_format, get_args(TextFormat))
    rows = 0
    stream.write(header(text_format, fields))
    for market_id, columns in pages:
        for part in lines(market_id, columns, interval, text_format, fields):
            stream.write(part)
        rows += len(columns)
    return rows

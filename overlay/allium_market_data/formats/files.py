"""Files of rows: CSV, JSON Lines, Parquet and Arrow, written page by page with bounded memory, whole or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO, TypeAlias, get_args

from ..errors import OutputError, UsageError
from ..model.endpoint import OPEN_INTEREST
from ..model.intervals import Interval
from ..model.rows import Columns
from ..optional import require
from .arrow import BATCH, Decimals, Form, plain_table
from .atomic_file import AtomicFile, reported, resolve_target
from .text import TextFormat, header, lines

if TYPE_CHECKING:
    import pyarrow as pa

Path: TypeAlias = str | os.PathLike[str]
"""Where a file stands."""

Format: TypeAlias = Literal["csv", "jsonl", "parquet", "arrow"]
"""The formats of files; ``arrow`` is the Arrow IPC file format."""

FORMATS: Final[tuple[Format, ...]] = get_args(Format)


class Sink(ABC):
    """A file to which pages of rows are written, as a context manager.

    When its block ends the file stands in its place, whole. When an error, or Ctrl-C, leaves the block, nothing of it
    stays, and a file that stood there before is unharmed. ``rows`` counts the rows so far. ``OutputError`` says what
    went wrong with which path; other errors inside of the block pass as they are.
    """

    def __init__(self, path: Path, interval: Interval, fields: Sequence[str], *, overwrite: bool) -> None:
        self.rows = 0
        self._path, self._overwrite = path, overwrite
        self._interval, self._fields = interval, tuple(fields)
        self._broken = False

    def __enter__(self) -> Self:
        self._target = resolve_target(self._path, overwrite=self._overwrite)
        with reported(self._target):
            self._partial = AtomicFile(self._target)
        try:
            with reported(self._target):
                self._start()
        except BaseException:
            self._abandon()
            raise
        return self

    def write(self, market_id: str, columns: Columns) -> None:
        """Append rows of one market."""
        try:
            with reported(self._target):
                self._write(market_id, columns)
        except BaseException:
            self._broken = True
            raise
        self.rows += len(columns)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                return
            if self._broken:
                raise OutputError(f"{self._target} was not written: rows are missing since an earlier error")
            with reported(self._target):
                self._finish()
                self._partial.publish(overwrite=self._overwrite)
        finally:
            self._abandon()

    def _abandon(self) -> None:
        self._partial.discard()

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _write(self, market_id: str, columns: Columns) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class TextSink(Sink):
    """CSV or JSON Lines in UTF-8."""

    def __init__(
        self, path: Path, form: TextFormat, interval: Interval, fields: Sequence[str], *, overwrite: bool
    ) -> None:
        super().__init__(path, interval, fields, overwrite=overwrite)
        self._form: TextFormat = form

    def _start(self) -> None:
        self._partial.stream.write(header(self._form, self._fields).encode())

    def _write(self, market_id: str, columns: Columns) -> None:
        for part in lines(market_id, columns, self._interval, self._form, self._fields):
            self._partial.stream.write(part.encode())

    def _finish(self) -> None:
        pass


class ArrowSink(Sink):
    """Parquet or Arrow. Rows wait until they fill a batch, and the first batch decides the types.

    When a later row does not fit them, the file so far is copied, batch by batch, into a new one of wider types: so a
    stream ends in the types that all of its rows at once would have had. As long as all text is short, its digits are not
    counted; the first long one has the file so far counted, and everything behind it.
    """

    def __init__(
        self, path: Path, kind: Literal["parquet", "arrow"], interval: Interval, form: Form, *, overwrite: bool
    ) -> None:
        super().__init__(path, interval, form.fields, overwrite=overwrite)
        self._kind, self._form = kind, form
        self._waiting: list[pa.Table] = []
        self._out: Any = None
        self._measures, self._unmeasured = False, False

    def _start(self) -> None:
        require("pyarrow.parquet", "arrow")
        self._open()

    def _write(self, market_id: str, columns: Columns) -> None:
        if columns:
            self._waiting.append(plain_table(market_id, columns, self._interval, self._fields))
        if sum(map(len, self._waiting)) >= BATCH:
            self._flush()

    def _finish(self) -> None:
        self._flush()
        self._out.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        plain = require("pyarrow", "arrow").concat_tables(self._waiting).combine_chunks()
        self._waiting = []
        self._measures = self._measures or not self._form.surely_fits(plain)
        if self._measures:
            self._fit(plain)
        else:
            self._unmeasured = True
        self._out.write_table(self._form.shape(plain), BATCH)

    def _fit(self, plain: pa.Table) -> None:
        """Make the types of the file such that these rows have room beside those before them."""
        form = None if self._unmeasured else self._form.fitting(plain)
        if form is None or form.schema != self._form.schema:
            self._rewrite(plain)
        else:
            self._form = form

    def _open(self) -> None:
        schema = self._form.schema
        if self._kind == "parquet":
            self._out = require("pyarrow.parquet", "arrow").ParquetWriter(
                self._partial.stream,
                schema,
                use_dictionary=["market_id"],
                column_encoding={"ts": "DELTA_BINARY_PACKED"},
            )
        else:
            self._out = require("pyarrow", "arrow").ipc.new_file(self._partial.stream, schema)

    def _rewrite(self, plain: pa.Table) -> None:
        """Copy what is written into a new file, in types with room for it and for ``plain``."""
        self._out.close()
        self._partial.stream.flush()
        old = self._partial
        try:
            with require("pyarrow", "arrow").OSFile(str(old.path)) as source:
                if self._unmeasured:
                    for table in self._read(source):
                        self._form = self._form.fitting(self._form.as_text(table))
                    self._unmeasured = False
                self._form = self._form.fitting(plain)
                self._partial = AtomicFile(self._target)
                self._open()
                for table in self._read(source):
                    self._out.write_table(table.cast(self._form.schema), BATCH)
        finally:
            old.discard()

    def _read(self, source: Any) -> Iterator[pa.Table]:
        """The batches of a file, one at a time."""
        if self._kind == "parquet":
            parquet = require("pyarrow.parquet", "arrow").ParquetFile(source, pre_buffer=False)
            yield from map(parquet.read_row_group, range(parquet.num_row_groups))
        else:
            pa = require("pyarrow", "arrow")
            arrow = pa.ipc.open_file(source)
            yield from (pa.Table.from_batches([arrow.get_batch(i)]) for i in range(arrow.num_record_batches))

    def _abandon(self) -> None:
        if self._out is not None:
            with suppress(Exception):  # closing writes once more, and fails again on a full disk
                self._out.close()
            self._out.is_open = False
        super()._abandon()


def writer(
    path: Path,
    format: Format,
    *,
    interval: Interval,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    decimals: Decimals = "exact",
    fields: Sequence[str] = OPEN_INTEREST.values,
) -> Sink:
    """A file to write pages to: ``with writer(path, "csv", interval="1m") as sink: sink.write(market_id, columns)``.

    ``metadata`` and ``decimals`` are for Parquet and Arrow; text has the decimals as the server wrote them.
    Raises ``UsageError`` for an unknown format.
    """
    if format in ("csv", "jsonl"):
        return TextSink(path, format, interval, fields, overwrite=overwrite)
    if format in ("parquet", "arrow"):
        form = Form(tuple(fields), decimals, {"interval": interval, **(metadata or {})})
        return ArrowSink(path, format, interval, form, overwrite=overwrite)
    raise UsageError(f"unknown format {format!r:.80}: use one of {', '.join(FORMATS)}")


def write(
    pages: Iterable[tuple[str, Columns]],
    path: Path,
    format: Format,
    *,
    interval: Interval,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    decimals: Decimals = "exact",
    fields: Sequence[str] = OPEN_INTEREST.values,
) -> int:
    """Write all pages, each a market and rows of it, to a file, and return the number of rows. See ``Sink``."""
    sink = writer(
        path, format, interval=interval, metadata=metadata, overwrite=overwrite, decimals=decimals, fields=fields
    )
    with sink:
        for market_id, columns in pages:
            sink.write(market_id, columns)
    return sink.rows


def write_text(
    pages: Iterable[tuple[str, Columns]],
    stream: TextIO,
    format: TextFormat,
    *,
    interval: Interval,
    fields: Sequence[str] = OPEN_INTEREST.values,
) -> int:
    """Write all pages to an open text stream, such as a pipe, and return the number of rows.

    Errors of the stream, ``BrokenPipeError`` among them, are the caller's. The stream should not translate line ends.
    """
    if format not in get_args(TextFormat):
        raise UsageError(f"unknown format {format!r:.80} for text: use csv or jsonl")
    rows = 0
    stream.write(header(format, fields))
    for market_id, columns in pages:
        for part in lines(market_id, columns, interval, format, fields):
            stream.write(part)
        rows += len(columns)
    return rows

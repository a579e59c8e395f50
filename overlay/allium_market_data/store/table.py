"""A table of open interest: opened or made, its coverage known, and rows landed in it once and for good."""

from __future__ import annotations

import errno
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from ..errors import StoreError
from ..frames import need
from ..times import from_micros, micros
from . import schema
from .coverage import KEY, SUM_EVERY, Coverage, Note, Series, add_up, encode, newest_sum
from .spans import Span, by_month, month, union, without

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from ..intervals import Interval
    from ..series import OpenInterestSeries
    from ..times import Instant

T = TypeVar("T")

ATTEMPTS = 60
"""How often a commit is tried again after others came first."""

ROOM = 2**20
"""So many bytes must be free on a local disk before anything is written."""

MATCH = " AND ".join(f"t.{name} = s.{name}" for name in (*schema.PARTITIONS, "ts"))


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one series in one span of one month, which they complete. ``provisional`` rows lie behind the span."""

    series: Series
    span: Span
    rows: pa.Table
    fetched_at: int
    requests: int = 0

    def __len__(self) -> int:
        return len(self.rows)


class Table:
    """A Delta table of open interest at a folder or a URI, and the restatements beside it.

    Raises ``StoreError`` for what is no such table, one of another schema version, or one that cannot be read or written.
    """

    def __init__(self, uri: str | PathLike[str], *, create: bool = False, options: Mapping[str, str] | None = None):
        self.uri = fspath(uri).rstrip("/")
        self.options = dict(options) if options else None
        self.delta = _open(self.uri, self.options, schema.NAME, schema.rows_schema if create else None)
        self.coverage, self._known = Coverage(), -1
        self.refresh()

    def refresh(self) -> Coverage:
        """Learn what others have committed since.

        Delta's history begins at the newest commit there is and numbers downwards from the version that is loaded, so its
        numbers are right only while the two are the same: what was read while another commit landed is read again.
        """
        with reported(self.uri):
            self.delta.update_incremental()
            while True:
                version = self.delta.version()
                coverage = self.coverage
                if self._known < 0:
                    coverage = self._whole(version)
                elif version > self._known:
                    coverage = add_up(coverage, self._commits(self._known, version))
                self.delta.update_incremental()
                if self.delta.version() == version:
                    self.coverage, self._known = coverage, version
                    return coverage

    def _whole(self, version: int) -> Coverage:
        """The coverage at a version from the log: the newest sum, and what was committed after it."""
        limit = SUM_EVERY + 10
        while True:
            commits = self.delta.history(limit)
            base = newest_sum(commit for commit in commits if commit["version"] <= version)
            if base is not None:
                return add_up(base[1], self._commits(base[0], version))
            if len(commits) < limit:
                return add_up(Coverage(), self._commits(-1, version))
            limit *= 4

    def _commits(self, after: int, version: int) -> list[dict[str, Any]]:
        """Every commit with after < its version <= version, oldest first."""
        limit = version - after
        while True:
            commits = self.delta.history(limit)
            wanted = [commit for commit in commits if after < commit["version"] <= version]
            if len(wanted) == version - after:
                return wanted[::-1]
            if len(commits) < limit:
                raise StoreError(
                    f"the log of {self.uri} was cut off: which windows are complete cannot be known any more"
                )
            limit = 2 * limit + 10

    def land(self, pieces: Sequence[Piece]) -> int:
        """Commit pieces of backfill. What has landed in the meantime is left out. Returns the rows written."""

        def attempt() -> int:
            left = list(self._missing(pieces))
            if not left:
                return 0
            loose = [p for p in left if any(self._loose(p))]
            plain = [p for p in left if not any(self._loose(p))]
            rows = sum(self._commit([p], p.rows, merge=True) for p in loose)
            if plain:
                rows += self._commit(plain, _concat(p.rows for p in plain), merge=False)
            return rows

        return self.retrying(attempt, sum(piece.rows.nbytes for piece in pieces))

    def _missing(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            for start, end in without(piece.span, self.coverage.complete.get(piece.series, ())):
                yield replace(piece, span=(start, end), rows=between(piece.rows, start, end))

    def _loose(self, piece: Piece) -> Iterator[int]:
        labels = self.coverage.provisional.get(piece.series, ())
        return (label for label in labels if piece.span[0] <= label < piece.span[1])

    def _commit(self, pieces: Sequence[Piece], rows: pa.Table, *, merge: bool) -> int:
        complete: dict[Series, tuple[Span, ...]] = {}
        provisional: dict[Series, tuple[int, ...]] = {}
        for piece in pieces:
            complete[piece.series] = union((*complete.get(piece.series, ()), piece.span))
            if settled := set(self._loose(piece)):
                labels = self.coverage.provisional[piece.series]
                provisional[piece.series] = tuple(label for label in labels if label not in settled)
        note = Note(complete, provisional, max(piece.fetched_at for piece in pieces))
        return self.write(note, rows, merge=merge, gone=[key for piece in pieces for key in self._dropped(piece)])

    def _dropped(self, piece: Piece) -> Iterator[dict[str, Any]]:
        """The keys of provisional rows that the server did not bring again."""
        interval, market = piece.series
        if labels := set(self._loose(piece)):
            for label in sorted(labels - set(map(micros, piece.rows["ts"].to_pylist()))):
                yield {"market_id": market, "interval": interval, "month": month(label), "ts": from_micros(label)}

    def write(
        self,
        note: Note,
        rows: pa.Table,
        *,
        merge: bool,
        gone: Sequence[Mapping[str, Any]] = (),
        months: Iterable[tuple[Series, str]] = (),
    ) -> int:
        """One commit of rows and its note. Without rows the commit only says what is complete.

        To ``merge`` replaces rows of the same key, and takes out those of the keys of ``gone``.
        """
        properties = self.properties(note, months)
        deltalake = need("deltalake", "store")
        if merge and (len(rows) or gone):
            source = _marked(rows, gone)
            values = {name: f"s.{name}" for name in rows.column_names}
            only = " AND ".join(
                among(f"t.{name}", source[name].unique().to_pylist()) for name in ("market_id", "month")
            )
            merger = self.delta.merge(source, f"{MATCH} AND {only}", "s", "t", commit_properties=properties)
            merger = merger.when_matched_delete("s.gone").when_matched_update(values)
            merger.when_not_matched_insert(values, "NOT s.gone").execute()
        else:
            deltalake.write_deltalake(self.delta, rows, mode="append", commit_properties=properties)
        return len(rows)

    def properties(self, note: Note, months: Iterable[tuple[Series, str]] = ()) -> Any:
        """What goes into a commit record beside the rows: the note, and the months that no other commit may touch meanwhile."""
        deltalake = need("deltalake", "store")
        touched = {
            (series, month(start))
            for series, spans in note.complete.items()
            for span in spans
            for start, _ in by_month(span)
        } | set(months)
        guards = [
            deltalake.Transaction(f"{interval}/{market}/{label}", self._known + 1)
            for (interval, market), label in sorted(touched)
        ]
        due = (self._known + 1) % SUM_EVERY == 0
        total = (self._known, self.coverage) if due else None
        return deltalake.CommitProperties(custom_metadata={KEY: encode(note, total)}, app_transactions=guards)

    def retrying(self, attempt: Callable[[], T], size: int = 0) -> T:
        """Call ``attempt`` on what is known now, and again as often as another commit came first.

        ``size`` is about how many bytes it writes: where a local disk has no room for them it is not tried.
        """
        failed = need("deltalake.exceptions", "store").CommitFailedError
        with reported(self.uri):
            _check_room(self.uri, size)
            for turn in range(ATTEMPTS):
                self.refresh()
                try:
                    return attempt()
                except failed:
                    time.sleep(random.random() * min(0.02 * 2**turn, 1))
        raise StoreError(f"cannot commit to {self.uri}: others came first {ATTEMPTS} times; try again later")

    def stored(self, series: Series, span: Span) -> pa.Table:
        """The rows of a series with start <= ts < end, ascending."""
        return next(self.stored_all([(series, span)]))

    def stored_all(self, wanted: Sequence[tuple[Series, Span]]) -> Iterator[pa.Table]:
        """The rows of each series and span, as ``stored`` gives them, from one look at the table."""
        pc = need("pyarrow.compute", "store")
        columns = schema.rows_schema()
        markets = sorted({market for (_, market), _ in wanted})
        labels = sorted({month(start) for _, span in wanted for start, _ in by_month(span)})
        first, last = min(span[0] for _, span in wanted), max(span[1] for _, span in wanted)
        with reported(self.uri):
            ts = (pc.field("ts") >= from_micros(first)) & (pc.field("ts") < from_micros(last))
            read = partitions(self.delta, markets, labels).to_table(filter=ts)
        rows = read.select(columns.names).cast(columns).sort_by("ts")
        for (interval, market), span in wanted:
            mine = pc.and_(pc.equal(rows["interval"], interval), pc.equal(rows["market_id"], market))
            yield between(rows.filter(mine), *span)

    def series(self, market: str, interval: Interval, start: Instant, end: Instant) -> OpenInterestSeries:
        """Every row of the market with start <= ts < end, as a fetch would give it: to resample, align, add up, plot.

        Raises ``StoreError`` where any window of that is not complete in the table, as of when it was opened or refreshed;
        provisional rows are in no complete window.
        """
        from .reading import read

        return read(self, market, interval, start, end)

    def restatements(self) -> DeltaTable:
        """The table of restatements, made if it is not there."""
        return _open(self._beside, self.options, schema.RESTATEMENTS_NAME, schema.restatements_schema)

    def has_restatements(self) -> bool:
        """Whether any restatement was ever written."""
        with reported(self.uri):
            return bool(need("deltalake", "store").DeltaTable.is_deltatable(self._beside, self.options))

    @property
    def _beside(self) -> str:
        return f"{self.uri}/_restatements"


def known(uri: str | PathLike[str], options: Mapping[str, str] | None = None) -> Coverage:
    """What a table holds: nothing where there is none yet, and where one may be made. Raises ``StoreError``."""
    try:
        return Table(uri, options=options).coverage
    except _NoTableError:
        if _occupied(fspath(uri)):
            raise
        return Coverage()


class _NoTableError(StoreError):
    """There is no Delta table at all."""


def partitions(delta: DeltaTable, markets: Sequence[str], months: Sequence[str]) -> ds.Dataset:
    """The files of some markets and months alone: to make a dataset of all of them takes long where there are many."""
    return delta.to_pyarrow_dataset(
        file_pruning_predicate=[("market_id", "in", list(markets)), ("month", "in", list(months))]
    )


def among(column: str, values: Iterable[str]) -> str:
    """That a column has one of the values, as SQL for Delta: so it looks at no other partition, nor minds who writes there.

    Not for ``interval``: Delta writes such conditions out and reads them again when another commit came first, and then
    takes that name for the word of SQL.
    """
    quoted = ("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({', '.join(quoted)})"


def between(rows: pa.Table, start: int, end: int) -> pa.Table:
    """The rows with start <= ts < end."""
    pc = need("pyarrow.compute", "store")
    ts = rows["ts"]
    return rows.filter(pc.and_(pc.greater_equal(ts, from_micros(start)), pc.less(ts, from_micros(end))))


def _marked(rows: pa.Table, gone: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows, and behind them the keys of those to be taken out, told apart by a column ``gone``."""
    pa = need("pyarrow", "store")
    keys = [{name: row[name] for name in (*schema.PARTITIONS, "ts")} for row in gone]
    parts = rows, pa.Table.from_pylist(keys, rows.schema)
    return pa.concat_tables(
        [
            part.append_column("gone", pa.repeat(mark, len(part)))
            for part, mark in zip(parts, (False, True), strict=True)
        ]
    )


def _concat(tables: Iterable[pa.Table]) -> pa.Table:
    return need("pyarrow", "store").concat_tables(list(tables))


def _open(uri: str, options: dict[str, str] | None, name: str, make: Callable[[], pa.Schema] | None) -> DeltaTable:
    deltalake, problems = need("deltalake", "store"), need("deltalake.exceptions", "store")
    wanted = f"{name} {schema.VERSION}"
    if (place := _local(uri)) and place.exists() and not place.is_dir():
        raise _NoTableError(f"{uri} is no table of open interest, but a file: name a folder")
    with reported(uri):
        try:
            delta = deltalake.DeltaTable(uri, storage_options=options)
        except problems.TableNotFoundError:
            if make is None or _occupied(uri):
                raise _NoTableError(f"{uri} is no table of open interest: make one with allium-md backfill") from None
            delta = _create(uri, options, wanted, make())
    found = delta.metadata().name or ""
    if found == wanted:
        return delta
    if found.startswith(name):
        raise StoreError(
            f"{uri} has schema version {found.removeprefix(name).strip()}, this release reads {schema.VERSION}: "
            "use a release that fits, or another folder"
        )
    raise StoreError(f"{uri} is a Delta table, but not one of open interest that allium-md made: use another folder")


def _local(uri: str) -> Path | None:
    """The folder of a table on this machine."""
    if uri.startswith("file://"):
        return Path(unquote(uri.removeprefix("file://")))
    return None if "://" in uri else Path(uri)


def _occupied(uri: str) -> bool:
    """Whether other things lie where a table would be made."""
    place = _local(uri)
    return (
        place is not None
        and place.exists()
        and (not place.is_dir() or any(p.name != "_delta_log" for p in place.iterdir()))
    )


def _check_room(uri: str, size: int) -> None:
    """Raise ``OSError`` where a local table cannot be written: the engine would say so in many words, and its own way."""
    place = _local(uri)
    if place is not None:
        with TemporaryFile(dir=place):
            pass
        if disk_usage(place).free < max(size, ROOM):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _create(uri: str, options: dict[str, str] | None, name: str, columns: pa.Schema) -> DeltaTable:
    deltalake, problems = need("deltalake", "store"), need("deltalake.exceptions", "store")
    config = schema.CONFIGURATION if "provisional" in columns.names else {}
    with suppress(problems.CommitFailedError):  # another process made it at the same moment
        deltalake.DeltaTable.create(
            uri,
            columns,
            mode="ignore",
            name=name,
            partition_by=list(schema.PARTITIONS),
            configuration=config,
            storage_options=options,
        )
    return deltalake.DeltaTable(uri, storage_options=options)


@contextmanager
def reported(uri: str) -> Iterator[None]:
    """Turn what the engine and the system say into ``StoreError``, in a line."""
    problems = need("deltalake.exceptions", "store")
    try:
        yield
    except (problems.DeltaError, OSError) as error:
        said = " ".join(str(error).split())
        if isinstance(error, OSError) and error.strerror:
            said = error.strerror
        elif system := re.search(r"([A-Z][^:()]*) \(os error \d+\)", said):  # the engine tells its whole way there
            said = system[1]
        raise StoreError(f"cannot use the table {uri}: {said:.300} (what was committed before is unharmed)") from error

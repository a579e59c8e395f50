"""A table of open interest: opened or made, its coverage known, and rows landed in it once and for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import StoreError
from ..extras import need
from ..times import from_micros
from . import schema
from .coverage import KEY, SUM_EVERY, Coverage, Note, Series, add_up, encode, newest_sum
from .spans import Span, by_month, month, union, without

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

T = TypeVar("T")

ATTEMPTS = 60
"""How often a commit is tried again after others came first."""

MATCH = " AND ".join(f"t.{name} = s.{name}" for name in (*schema.PARTITIONS, "ts"))


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one series in one span of one month, which they complete. ``provisional`` rows lie behind the span."""

    series: Series
    span: Span
    rows: pa.Table
    fetched_at: int
    requests: int = 0


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

        return self.retrying(attempt)

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
            if gone := set(self._loose(piece)):
                labels = self.coverage.provisional[piece.series]
                provisional[piece.series] = tuple(label for label in labels if label not in gone)
        note = Note(complete, provisional, max(piece.fetched_at for piece in pieces))
        return self.write(note, rows, merge=merge)

    def write(self, note: Note, rows: pa.Table, *, merge: bool, months: Iterable[tuple[Series, str]] = ()) -> int:
        """One commit of rows and its note. Without rows the commit only says what is complete."""
        properties = self._properties(note, months)
        deltalake = need("deltalake", "store")
        if merge and len(rows):
            merger = self.delta.merge(rows, MATCH, "s", "t", commit_properties=properties)
            merger.when_matched_update_all().when_not_matched_insert_all().execute()
        else:
            deltalake.write_deltalake(self.delta, rows, mode="append", commit_properties=properties)
        return len(rows)

    def _properties(self, note: Note, months: Iterable[tuple[Series, str]]) -> Any:
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

    def retrying(self, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` on what is known now, and again as often as another commit came first."""
        failed = need("deltalake.exceptions", "store").CommitFailedError
        with reported(self.uri):
            for turn in range(ATTEMPTS):
                self.refresh()
                try:
                    return attempt()
                except failed:
                    time.sleep(random.random() * min(0.02 * 2**turn, 1))
        raise StoreError(f"cannot commit to {self.uri}: others came first {ATTEMPTS} times; try again later")

    def stored(self, series: Series, span: Span) -> pa.Table:
        """The rows of a series with start <= ts < end, ascending."""
        interval, market = series
        with reported(self.uri):
            dataset = self.delta.to_pyarrow_dataset()
            pc = need("pyarrow.compute", "store")
            wanted = (pc.field("interval") == interval) & (pc.field("market_id") == market)
            labels = sorted({month(start) for start, _ in by_month(span)})
            wanted &= pc.field("month").isin(labels)
            wanted &= (pc.field("ts") >= from_micros(span[0])) & (pc.field("ts") < from_micros(span[1]))
            rows = dataset.to_table(filter=wanted)
        return rows.select(schema.rows_schema().names).cast(schema.rows_schema()).sort_by("ts")

    def restatements(self) -> DeltaTable:
        """The table of restatements, made if it is not there."""
        return _open(f"{self.uri}/_restatements", self.options, schema.RESTATEMENTS_NAME, schema.restatements_schema)


def between(rows: pa.Table, start: int, end: int) -> pa.Table:
    """The rows with start <= ts < end."""
    pc = need("pyarrow.compute", "store")
    ts = rows["ts"]
    return rows.filter(pc.and_(pc.greater_equal(ts, from_micros(start)), pc.less(ts, from_micros(end))))


def _concat(tables: Iterable[pa.Table]) -> pa.Table:
    return need("pyarrow", "store").concat_tables(list(tables))


def _open(uri: str, options: dict[str, str] | None, name: str, make: Callable[[], pa.Schema] | None) -> DeltaTable:
    deltalake, problems = need("deltalake", "store"), need("deltalake.exceptions", "store")
    wanted = f"{name} {schema.VERSION}"
    with reported(uri):
        try:
            delta = deltalake.DeltaTable(uri, storage_options=options)
        except problems.TableNotFoundError:
            if make is None or _occupied(uri):
                raise StoreError(f"{uri} is no table of open interest: make one with allium-md backfill") from None
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


def _occupied(uri: str) -> bool:
    """Whether other things lie where a table would be made."""
    place = Path(uri)
    return (
        "://" not in uri
        and place.exists()
        and (not place.is_dir() or any(p.name != "_delta_log" for p in place.iterdir()))
    )


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
    """Turn what the engine and the system say into ``StoreError``."""
    problems = need("deltalake.exceptions", "store")
    try:
        yield
    except (problems.DeltaError, OSError) as error:
        said = " ".join(str(error).split())
        raise StoreError(f"cannot use the table {uri}: {said:.300} (what was committed before is unharmed)") from error

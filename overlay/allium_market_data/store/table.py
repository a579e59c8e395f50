"""A table of open interest: opened or made, its coverage known, and rows landed in it once and for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import NoTableError, StoreError
from ..model.times import from_micros, micros
from ..optional import require
from . import schema
from .coverage import KEY, SUM_EVERY, Coverage, Note, Series, add_up, encode, newest_sum
from .spans import Span, by_month, month, union, without
from .storage import check_room, is_occupied, opened, reported

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from ..model.intervals import Interval
    from ..series.series import OpenInterestSeries
    from ..validation import Instant

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

    def __len__(self) -> int:
        return len(self.rows)


class Table:
    """A Delta table of open interest at a folder or a URI, and the restatements beside it.

    Raises ``StoreError`` for what is no such table, one of another schema version, or one that cannot be read or written.
    """

    def __init__(self, uri: str | PathLike[str], *, create: bool = False, options: Mapping[str, str] | None = None):
        self.uri = fspath(uri).rstrip("/")
        self.options = dict(options) if options else None
        self.delta = opened(self.uri, self.options, schema.NAME, schema.rows_schema if create else None)
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
        deltalake = require("deltalake", "store")
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
        deltalake = require("deltalake", "store")
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
        failed = require("deltalake.exceptions", "store").CommitFailedError
        with reported(self.uri):
            check_room(self.uri, size)
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
        pc = require("pyarrow.compute", "store")
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
        return opened(self._beside, self.options, schema.RESTATEMENTS_NAME, schema.restatements_schema)

    def has_restatements(self) -> bool:
        """Whether any restatement was ever written."""
        with reported(self.uri):
            return bool(require("deltalake", "store").DeltaTable.is_deltatable(self._beside, self.options))

    @property
    def _beside(self) -> str:
        return f"{self.uri}/_restatements"


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
    pc = require("pyarrow.compute", "store")
    ts = rows["ts"]
    return rows.filter(pc.and_(pc.greater_equal(ts, from_micros(start)), pc.less(ts, from_micros(end))))


def _marked(rows: pa.Table, gone: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows, and behind them the keys of those to be taken out, told apart by a column ``gone``."""
    pa = require("pyarrow", "store")
    keys = [{name: row[name] for name in (*schema.PARTITIONS, "ts")} for row in gone]
    parts = rows, pa.Table.from_pylist(keys, rows.schema)
    return pa.concat_tables(
        [
            part.append_column("gone", pa.repeat(mark, len(part)))
            for part, mark in zip(parts, (False, True), strict=True)
        ]
    )


def _concat(tables: Iterable[pa.Table]) -> pa.Table:
    return require("pyarrow", "store").concat_tables(list(tables))


def known(uri: str | PathLike[str], options: Mapping[str, str] | None = None) -> Coverage:
    """What a table holds: nothing where there is none yet, and where one may be made. Raises ``StoreError``."""
    try:
        return Table(uri, options=options).coverage
    except NoTableError:
        if is_occupied(fspath(uri)):
            raise
        return Coverage()

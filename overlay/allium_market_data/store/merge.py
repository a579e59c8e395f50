"""Merge rows that were fetched again into a table: add new ones, replace changed ones, and record restatements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import UsageError
from ..model.times import from_micros, micros
from ..optional import require
from ..series.generic import Series
from . import schema
from .coverage import CommitNote, Coverage, SeriesKey
from .failures import MarketFailure
from .known_rows import KnownRows
from .plan import Task
from .spans import Span, Spans, contains, month_of, subtract, union
from .table import Table

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = Mapping[str, Any]
RowsByTime: TypeAlias = Mapping[datetime, Row]


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The rows that an update wrote, by kind.

    ``added`` are new, ``settled`` were provisional or in a window that had been taken out, ``restated`` were final and have
    another value now. ``late`` came into a complete window: the server had no row of that bucket before. ``dropped`` counts
    rows, provisional or in a window that had been taken out, that the server no longer has; they are deleted. ``vanished``
    counts final ones; they stay.
    ``failures`` are the series that failed, each with its error; everything of the others is done.
    """

    added: int = 0
    settled: int = 0
    restated: int = 0
    dropped: int = 0
    vanished: int = 0
    late: int = 0
    requests: int = 0
    failures: tuple[MarketFailure, ...] = ()

    def __add__(self, other: UpdateResult) -> UpdateResult:
        return UpdateResult(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def written(self) -> int:
        """The number of rows that changed in the table."""
        return self.added + self.settled + self.restated + self.dropped + self.late


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """All rows of a task as they are on the server, in the columns of the table.

    Buckets before ``closed_until`` have ended; ``provisional`` are the labels of rows that may still change.
    """

    task: Task
    rows: pa.Table
    closed_until: int
    provisional: tuple[int, ...]
    fetched_at: int
    requests: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def span(self) -> Span:
        """The part of the task's span whose rows are final."""
        return self.task.span[0], self.closed_until

    @classmethod
    def of(cls, task: Task, series: Series[Any], closed_until: int | None = None) -> FetchedRows:
        """The rows of a fetched series; those from ``closed_until`` on are provisional.

        Raises ``PrecisionError``, and ``UsageError`` for more than one month.
        """
        if task.buckets and month_of(task.span[0]) != month_of(task.span[1] - 1):
            raise UsageError(f"{task} crosses a month")
        columns, provenance = series.columns, series.provenance
        stop = task.closed_until(columns)
        if closed_until is not None:
            stop = min(stop, closed_until)
            flags = [flag or micros(ts) >= stop for ts, flag in zip(columns.ts, columns.provisional, strict=True)]
            columns = replace(columns, provisional=flags)
        fetched = micros(provenance.finished)
        rows = schema.rows_table(replace(series, columns=columns), fetched)
        labels = tuple(micros(ts) for ts, flag in zip(columns.ts, columns.provisional, strict=True) if flag)
        return cls(task, rows, stop, labels, fetched, provenance.requests)


@dataclass(frozen=True, slots=True)
class Change:
    """A row to write and the row that it replaces; or, without a new row, a stored row that the server no longer has."""

    kind: str
    new: Row | None
    old: Row | None


def find_changes(
    fetched: RowsByTime,
    stored: RowsByTime,
    fetched_at: datetime,
    complete: Spans,
    columns: Sequence[str],
    open_labels: Collection[int] = (),
    forgotten: Spans = (),
) -> Iterator[Change]:
    """The change of each row that differs. A row that another process fetched later stays as it is.

    A stored row is open if it is marked as provisional, has one of ``open_labels``, or lies in a window that was taken out,
    where another tool may have changed it: then a change is no restatement.
    """

    def is_open(ts: datetime, old: Row) -> bool:
        return old["provisional"] or micros(ts) in open_labels or contains(forgotten, micros(ts))

    def differ(old: Row, new: Row) -> bool:
        return any(old[name] != new[name] for name in columns)

    for ts, new in fetched.items():
        old = stored.get(ts)
        if old is None:
            was_complete = contains(complete, micros(ts))
            yield Change("late" if was_complete else "added", new, None)
        elif old["fetched_at"] > fetched_at:
            continue
        elif is_open(ts, old):
            if old["provisional"] > new["provisional"] or differ(old, new):
                yield Change("settled", new, old)
        elif differ(old, new) and not new["provisional"]:
            yield Change("restated", new, old)
    for ts, old in stored.items():
        if ts not in fetched and old["fetched_at"] <= fetched_at:
            yield Change("dropped" if is_open(ts, old) else "vanished", None, old)


@dataclass
class _Commit:
    """The content of one commit: the parts of its note, its changes, and the months that it touches."""

    complete: dict[SeriesKey, Spans] = field(default_factory=dict)
    provisional: dict[SeriesKey, tuple[int, ...]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    months: set[tuple[SeriesKey, str]] = field(default_factory=set)

    def add(self, result: FetchedRows, changes: Sequence[Change], coverage: Coverage) -> None:
        """Add the fetched rows of a task, if they change rows or coverage."""
        key, (start, end) = result.task.key, result.task.span
        before = self.provisional.get(key, coverage.provisional.get(key, ()))
        complete = coverage.complete.get(key, ())
        new = (ts for ts in result.provisional if not contains(complete, ts))  # a final row stays final
        labels = tuple(sorted({*(ts for ts in before if not start <= ts < end), *new}))
        closed = (start, result.closed_until)
        completes = start < result.closed_until and bool(subtract(closed, complete))
        if changes or completes or labels != before:
            self.months.add((key, month_of(start)))
            self.changes += changes
            self.provisional[key] = labels
            if start < result.closed_until:
                self.complete[key] = union((*self.complete.get(key, ()), closed))


def merge_rows(table: Table, results: Sequence[FetchedRows], known: KnownRows | None = None) -> UpdateResult:
    """Merge fetched rows into the table in one commit. What is ``known`` is not read. Raises ``StoreError``.

    Restatements are written first. They are identified by the row that they replace, so a crash between the two writes
    records none twice.
    """

    results, known = [result for result in results if result.task.buckets], known or KnownRows()

    def attempt() -> UpdateResult:
        table.delete_duplicates([(result.task.key, result.task.span) for result in results])
        coverage, commit, kinds, others = table.coverage, _Commit(), list[str](), table.log.others
        stored, columns = _stored_rows(table, results, known), table.endpoint.columns
        for result, rows in zip(results, stored, strict=True):
            complete = coverage.complete.get(result.task.key, ())
            pair = differing_rows(result.rows, rows, columns)
            labels = coverage.provisional.get(result.task.key, ())
            taken_out = coverage.forgotten.get(result.task.key, ())
            changes = list(find_changes(*pair, from_micros(result.fetched_at), complete, columns, labels, taken_out))
            kinds += [change.kind for change in changes]
            commit.add(result, [change for change in changes if change.kind != "vanished"], coverage)
        _write(table, commit, max((result.fetched_at for result in results), default=0))
        for result, rows in zip(results, stored, strict=True):
            known.keep(others, result.task.key, result.rows, result.provisional, rows)
        counts: dict[str, Any] = {
            name: kinds.count(name) for name in ("added", "settled", "restated", "dropped", "vanished", "late")
        }
        return UpdateResult(**counts, requests=sum(result.requests for result in results))

    return table.retry(attempt, sum(result.rows.nbytes for result in results))


def _stored_rows(table: Table, results: Sequence[FetchedRows], known: KnownRows) -> list[pa.Table]:
    """The stored rows of each result. A span outside the coverage has none, so it costs no read, and nor do known rows."""
    coverage, empty = table.coverage, schema.rows_schema(table.endpoint).empty_table()
    spans = [(result.task.key, result.task.span) for result in results]
    stored = [known.stored(table, *span) if coverage.may_have_rows(*span) else empty for span in spans]
    wanted = [span for span, rows in zip(spans, stored, strict=True) if rows is None]
    read = iter(table.read_rows(wanted)) if wanted else iter(())
    return [next(read) if rows is None else rows for rows in stored]


def _write(table: Table, commit: _Commit, fetched_at: int) -> None:
    if not commit.months:
        return
    _write_restatements(table, [change for change in commit.changes if change.kind == "restated"])
    rows = [change.new for change in commit.changes if change.new]
    table.write(
        CommitNote(commit.complete, commit.provisional, fetched_at),
        require("pyarrow", "store").Table.from_pylist(rows, schema.rows_schema(table.endpoint)),
        merge=any(change.old for change in commit.changes),
        deletions=[change.old for change in commit.changes if change.kind == "dropped" and change.old],
        months=commit.months,
    )


def differing_rows(fetched: pa.Table, stored: pa.Table, columns: Sequence[str]) -> tuple[RowsByTime, RowsByTime]:
    """The rows of both tables from the first difference on. Usually nearly all rows are equal, and are skipped fast."""
    pc = require("pyarrow.compute", "store")
    count = min(len(fetched), len(stored))
    differs = None
    for name in ("ts", "provisional", *columns):
        column = pc.not_equal(fetched[name][:count], stored[name][:count])
        differs = column if differs is None else pc.or_(differs, column)
    first = pc.index(differs, True).as_py()
    start = count if first < 0 else first
    return _by_time(fetched[start:]), _by_time(stored[start:])


def _by_time(rows: pa.Table) -> RowsByTime:
    return {row["ts"]: row for row in rows.to_pylist()}


def _write_restatements(table: Table, changes: Sequence[Change]) -> None:
    """Record restatements. Those of the same bucket and the same replaced row are one, however often this is retried."""
    if not changes:
        return
    bucket = ("market_id", "interval", "month", "ts")
    rows = []
    for change in changes:
        new, old = change.new or {}, change.old or {}
        row = {name: new[name] for name in bucket}
        for name in (*table.endpoint.columns, "fetched_at"):
            row[f"old_{name}"], row[f"new_{name}"] = old.get(name), new[name]
        rows.append(row)
    source = require("pyarrow", "store").Table.from_pylist(rows, schema.restatements_schema(table.endpoint))
    same = [f"t.{name} = s.{name}" for name in bucket] + ["t.old_fetched_at IS NOT DISTINCT FROM s.old_fetched_at"]
    merger = table.restatements().merge(source, " AND ".join(same), "s", "t")  # a conflict is retried by the caller
    merger.when_matched_update_all().when_not_matched_insert_all().execute()

"""Rows fetched again, put beside those stored: what is new is added, what changed replaces, restatements are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..model.endpoint import OPEN_INTEREST
from ..model.times import from_micros, micros
from ..optional import require
from ..series.series import OpenInterestSeries
from . import schema
from .coverage import Coverage, Note, Series
from .plan import Task
from .spans import Spans, month, union, without
from .table import Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Amended:
    """Rows that an amendment wrote: ``added`` anew, ``settled`` from provisional, ``restated`` (late ones included).

    ``dropped`` counts provisional rows that the server does not have any more, and that were taken out. ``vanished`` counts
    final ones; they stay.
    """

    added: int = 0
    settled: int = 0
    restated: int = 0
    dropped: int = 0
    vanished: int = 0
    requests: int = 0

    def __add__(self, other: Amended) -> Amended:
        mine, theirs = (tuple(getattr(one, name) for name in self.__slots__) for one in (self, other))
        return Amended(*(a + b for a, b in zip(mine, theirs, strict=True)))

    @property
    def written(self) -> int:
        """Rows of the table that are others now."""
        return self.added + self.settled + self.restated + self.dropped


@dataclass(frozen=True, slots=True)
class Look:
    """What a complete fetch of a task brought, as it will stand in the table.

    Buckets before ``closed`` are over; ``loose`` are the labels of the rows that are not.
    """

    task: Task
    rows: pa.Table
    closed: int
    loose: tuple[int, ...]
    fetched_at: int
    requests: int

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, task: Task, series: OpenInterestSeries, closed: int | None = None) -> Look:
        """The look that a fetched series is. Raises ``PrecisionError``, and ``UsageError`` for more than one month."""
        if len({month(task.span[0]), month(task.span[1] - 1)}) > 1:
            raise UsageError(f"{task} crosses a month")
        (interval, market), columns, provenance = task.series, series.columns, series.provenance
        fetched = micros(provenance.finished)
        rows = schema.rows_table(market, interval, columns, fetched, provenance.specification)
        loose = tuple(micros(ts) for ts, flag in zip(columns.ts, columns.provisional, strict=True) if flag)
        stop = task.closed_until(columns) if closed is None else closed
        return cls(task, rows, stop, loose, fetched, provenance.requests)


@dataclass(frozen=True, slots=True)
class Change:
    """A row to be written, its kind, and the row that it replaces; or a stored row to be taken out."""

    kind: str
    new: Mapping[str, Any] | None
    old: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of one look, as fetched and as stored, by label; both in the columns of the table. Pure."""

    fetched: Mapping[Any, Mapping[str, Any]]
    stored: Mapping[Any, Mapping[str, Any]]
    fetched_at: Any
    complete: Spans

    def changes(self) -> Iterator[Change]:
        """What becomes of each row. A row that another process fetched later stays as it is."""
        for ts, new in self.fetched.items():
            old = self.stored.get(ts)
            if old is None:
                yield Change("restated" if self._was_complete(ts) else "added", new, None)
            elif old["fetched_at"] > self.fetched_at:
                continue
            elif old["provisional"]:
                if not new["provisional"] or _differ(old, new):
                    yield Change("settled", new, old)
            elif _differ(old, new) and not new["provisional"]:
                yield Change("restated", new, old)
        for ts, old in self.stored.items():
            if ts not in self.fetched and old["fetched_at"] <= self.fetched_at:
                yield Change("dropped" if old["provisional"] else "vanished", None, old)

    def _was_complete(self, ts: Any) -> bool:
        return any(start <= micros(ts) < end for start, end in self.complete)


def _differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(old[name] != new[name] for name in OPEN_INTEREST.values)


@dataclass
class _Commit:
    """What one commit is to say and to write."""

    complete: dict[Series, Spans] = field(default_factory=dict)
    provisional: dict[Series, tuple[int, ...]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    touched: set[tuple[Series, str]] = field(default_factory=set)
    """The months of the looks that bring anything new, in rows or in what is known."""

    def add(self, look: Look, changes: Sequence[Change], known: Coverage) -> None:
        """Take a look in, where it brings anything new."""
        series, (start, end) = look.task.series, look.task.span
        before = self.provisional.get(series, known.provisional.get(series, ()))
        loose = tuple(sorted({*(ts for ts in before if not start <= ts < end), *look.loose}))
        left = start < look.closed and without((start, look.closed), known.complete.get(series, ()))
        if changes or left or loose != before:
            self.touched.add((series, month(start)))
            self.changes += changes
            self.provisional[series] = loose
            if start < look.closed:
                self.complete[series] = union((*self.complete.get(series, ()), (start, look.closed)))


def amend(table: Table, looks: Sequence[Look]) -> Amended:
    """Bring what was fetched into the table, in one commit. Raises ``StoreError``.

    Restatements are written first, and by the stored row that they replace: a crash in between writes none twice.
    """

    def attempt() -> Amended:
        known, commit, kinds = table.coverage, _Commit(), list[str]()
        there = table.stored_all([(look.task.series, look.task.span) for look in looks]) if looks else ()
        for look, stored in zip(looks, there, strict=True):
            complete = known.complete.get(look.task.series, ())
            pair = Comparison(*apart(look.rows, stored), from_micros(look.fetched_at), complete)
            changes = list(pair.changes())
            kinds += [change.kind for change in changes]
            commit.add(look, [change for change in changes if change.kind != "vanished"], known)
        _write(table, commit, max((look.fetched_at for look in looks), default=0))
        counts = {name: kinds.count(name) for name in ("added", "settled", "restated", "dropped", "vanished")}
        return Amended(**counts, requests=sum(look.requests for look in looks))

    return table.retrying(attempt, sum(look.rows.nbytes for look in looks))


def _write(table: Table, commit: _Commit, fetched_at: int) -> None:
    if not commit.touched:
        return
    _restate(table, [change for change in commit.changes if change.kind == "restated"])
    rows = [change.new for change in commit.changes if change.new]
    gone = [change.old for change in commit.changes if change.kind == "dropped" and change.old]
    made = require("pyarrow", "store").Table.from_pylist(rows, schema.rows_schema())
    table.write(
        Note(commit.complete, commit.provisional, fetched_at),
        made,
        merge=any(change.old for change in commit.changes),
        gone=gone,
        months=commit.touched,
    )


def apart(fetched: pa.Table, stored: pa.Table) -> tuple[dict[Any, dict[str, Any]], dict[Any, dict[str, Any]]]:
    """The rows of both by label, without the beginning in which they are the same: mostly that is nearly all."""
    pc = require("pyarrow.compute", "store")
    count = min(len(fetched), len(stored))
    differs = None
    for name in ("ts", "provisional", *OPEN_INTEREST.values):
        column = pc.not_equal(fetched[name][:count], stored[name][:count])
        differs = column if differs is None else pc.or_(differs, column)
    first = pc.index(differs, True).as_py()
    same = count if first < 0 else first
    return _by_label(fetched[same:]), _by_label(stored[same:])


def _by_label(rows: pa.Table) -> dict[Any, dict[str, Any]]:
    return {row["ts"]: row for row in rows.to_pylist()}


def _restate(table: Table, changes: Sequence[Change]) -> None:
    """Write restatements down. The same bucket and the same replaced row make one, however often it is tried."""
    if not changes:
        return
    rows = []
    for change in changes:
        new, old = change.new or {}, change.old or {}
        row = {name: new[name] for name in ("market_id", "interval", "month", "ts")}
        for name in (*OPEN_INTEREST.values, "fetched_at"):
            row[f"old_{name}"], row[f"new_{name}"] = old.get(name), new[name]
        rows.append(row)
    made = require("pyarrow", "store").Table.from_pylist(rows, schema.restatements_schema())
    keys = ("market_id", "interval", "month", "ts")
    same = " AND ".join([*(f"t.{k} = s.{k}" for k in keys), "t.old_fetched_at IS NOT DISTINCT FROM s.old_fetched_at"])
    merger = table.restatements().merge(made, same, "s", "t")  # that another came first is for whoever tries again
    merger.when_matched_update_all().when_not_matched_insert_all().execute()

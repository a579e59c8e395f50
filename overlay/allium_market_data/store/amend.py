"""Rows fetched again, put beside those stored: what is new is added, what changed replaces, restatements are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..extras import need
from ..resource import OPEN_INTEREST
from ..rows import Columns
from ..series import OpenInterestSeries
from ..times import micros
from . import schema
from .coverage import Note
from .plan import Task
from .spans import month, without
from .table import Table, reported

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Amended:
    """Rows that an amendment wrote: ``added`` anew, ``settled`` from provisional, ``restated`` (late ones included).

    ``vanished`` counts stored rows that the server does not have any more; they stay.
    """

    added: int = 0
    settled: int = 0
    restated: int = 0
    vanished: int = 0
    requests: int = 0

    def __add__(self, other: Amended) -> Amended:
        mine, theirs = (tuple(getattr(one, name) for name in self.__slots__) for one in (self, other))
        return Amended(*(a + b for a, b in zip(mine, theirs, strict=True)))


@dataclass
class Comparison:
    """The rows of one task, as fetched and as stored, by label; both in the columns of the table."""

    fetched: Mapping[Any, dict[str, Any]]
    stored: Mapping[Any, dict[str, Any]]
    complete: tuple[tuple[int, int], ...]

    def changes(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
        """Each row to be written, with its kind and what it replaces."""
        for ts, new in self.fetched.items():
            old = self.stored.get(ts)
            if old is None:
                yield ("restated" if self._was_complete(ts) else "added"), new, None
            elif old["fetched_at"] > new["fetched_at"]:
                continue  # another process has looked later
            elif old["provisional"]:
                if not new["provisional"] or _differ(old, new):
                    yield "settled", new, old
            elif _differ(old, new) and not new["provisional"]:
                yield "restated", new, old

    def vanished(self) -> int:
        """Stored rows that are final and were not fetched."""
        return sum(ts not in self.fetched and not row["provisional"] for ts, row in self.stored.items())

    def _was_complete(self, ts: Any) -> bool:
        return any(start <= micros(ts) < end for start, end in self.complete)


def _differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(old[name] != new[name] for name in OPEN_INTEREST.values)


def amend(table: Table, task: Task, series: OpenInterestSeries) -> Amended:
    """Bring what was fetched of a task into the table, once. Raises ``PrecisionError`` and ``StoreError``.

    Restatements are written first, and by the stored row that they replace: a crash in between writes none twice.
    """
    interval, market = task.series
    fetched, provenance = micros(series.provenance.finished), series.provenance
    if len({month(task.span[0]), month(task.span[1] - 1)}) > 1:
        raise UsageError(f"{task} crosses a month")
    rows = schema.rows_table(market, interval, series.columns, fetched, provenance.specification)
    stop = task.closed_until(series.columns)

    def attempt() -> Amended:
        known = table.coverage
        stored = table.stored(task.series, task.span)
        pair = Comparison(_by_label(rows), _by_label(stored), known.complete.get(task.series, ()))
        changes = list(pair.changes())
        _restate(table, [(new, old) for kind, new, old in changes if kind == "restated"])
        note = _note(table, task, stop, series.columns, fetched)
        loose = known.provisional.get(task.series, ())
        left = without((task.span[0], stop), known.complete.get(task.series, ())) if task.span[0] < stop else ()
        if changes or left or note.provisional[task.series] != loose:
            wanted = need("pyarrow", "store").Table.from_pylist([new for _, new, _ in changes], schema.rows_schema())
            overlap = any(old is not None for _, _, old in changes)
            touched = [(task.series, month(task.span[0]))]
            table.write(note, wanted, merge=overlap, months=touched)
        kinds = [kind for kind, _, _ in changes]
        added, settled, restated = (kinds.count(kind) for kind in ("added", "settled", "restated"))
        return Amended(added, settled, restated, pair.vanished(), provenance.requests)

    return table.retrying(attempt)


def _note(table: Table, task: Task, stop: int, columns: Columns, fetched: int) -> Note:
    start, end = task.span
    loose = {ts for ts in table.coverage.provisional.get(task.series, ()) if not start <= ts < end}
    loose |= {micros(ts) for ts, flag in zip(columns.ts, columns.provisional, strict=True) if flag}
    complete = {task.series: ((start, stop),)} if start < stop else {}
    return Note(complete, {task.series: tuple(sorted(loose))}, fetched)


def _by_label(rows: pa.Table) -> dict[Any, dict[str, Any]]:
    return {row["ts"]: row for row in rows.to_pylist()}


def _restate(table: Table, pairs: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    """Write restatements down. The same bucket and the same replaced row make one, however often it is tried."""
    if not pairs:
        return
    rows = []
    for new, old in pairs:
        row = {name: new[name] for name in ("market_id", "interval", "month", "ts")}
        for name in (*OPEN_INTEREST.values, "fetched_at"):
            row[f"old_{name}"], row[f"new_{name}"] = old and old[name], new[name]
        rows.append(row)
    made = need("pyarrow", "store").Table.from_pylist(rows, schema.restatements_schema())
    keys = ("market_id", "interval", "month", "ts")
    same = " AND ".join([*(f"t.{k} = s.{k}" for k in keys), "t.old_fetched_at IS NOT DISTINCT FROM s.old_fetched_at"])
    with reported(f"{table.uri}/_restatements"):
        merger = table.restatements().merge(made, same, "s", "t")
        merger.when_matched_update_all().when_not_matched_insert_all().execute()

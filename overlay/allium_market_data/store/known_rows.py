"""Rows of open buckets that this process wrote, kept so that a tick of ``watch`` need not read them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..model.times import from_micros, micros
from ..optional import require
from .coverage import SeriesKey
from .spans import Span, overlaps
from .table import Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class KnownRows:
    """The rows of buckets that are not complete yet, by series. They hold until another writer commits to the table."""

    rows: dict[SeriesKey, tuple[int, pa.Table]] = field(default_factory=dict)
    """Of each series, the number of other writers' commits when its rows were known, and the rows."""

    def stored(self, table: Table, key: SeriesKey, span: Span) -> pa.Table | None:
        """The rows of the table in the span; ``None`` if they must be read."""
        coverage = table.coverage
        others, rows = self.rows.get(key, (-1, None))
        is_closed = overlaps(coverage.complete.get(key, ()), span) or overlaps(coverage.forgotten.get(key, ()), span)
        if rows is None or others != table.log.others or is_closed:
            return None
        labels = [label for label in coverage.provisional.get(key, ()) if span[0] <= label < span[1]]
        return rows if [*map(micros, rows["ts"].to_pylist())] == labels else None

    def keep(self, others: int, key: SeriesKey, rows: pa.Table, labels: Sequence[int], replaced: pa.Table) -> None:
        """Keep those of the rows with these labels, unless a replaced one was fetched later: then that one was left."""
        pc = require("pyarrow.compute", "store")
        self.rows.pop(key, None)
        if labels and not (len(replaced) and pc.max(replaced["fetched_at"]).as_py() > rows["fetched_at"][0].as_py()):
            self.rows[key] = others, rows.filter(pc.greater_equal(rows["ts"], from_micros(min(labels))))

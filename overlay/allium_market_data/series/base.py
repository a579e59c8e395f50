"""The rows of one market over a span, and the gaps between them: what every function on a series takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from ..errors import UsageError
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.provenance import Provenance
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from ..model.timestamps import contiguous_runs

Amount: TypeAlias = Literal["oi_base", "oi_quote_usd"]
"""A decimal field of a row: open interest in units of the base asset, or in US dollars."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive buckets without a row: those with start <= ts < end, aware UTC datetimes on boundaries."""

    start: datetime
    end: datetime
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SeriesBase:
    """The rows of one market with start <= ts < end. Users hold its subclass ``OpenInterestSeries``.

    ``columns`` stores the rows. It is internal: users have records and frames.
    """

    market_id: str
    interval: Interval
    start: datetime
    end: datetime
    columns: Columns
    provenance: Provenance
    unknown_fields: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ts, width = self.columns.ts, WIDTHS[self.interval]
        if {len(self.columns.provisional), *map(len, self.columns.values)} != {len(ts)}:
            raise UsageError("the columns of a series must have equal lengths")
        if ts and not self.start <= ts[0] <= ts[-1] < self.end:
            raise UsageError(f"rows from {to_iso(ts[0])} to {to_iso(ts[-1])} are not within {self._span}")
        if any(micros(label) % width for label in (*ts[:1], *ts[-1:])):
            raise UsageError(f"{to_iso(ts[0])} or {to_iso(ts[-1])} is not on a boundary of {self.interval}")

    @property
    def _span(self) -> str:
        return f"{to_iso(self.start)} to {to_iso(self.end)}"

    def __len__(self) -> int:
        return len(self.columns)

    def gaps(self) -> list[Gap]:
        """The buckets without a row, as ranges of maximal length, ascending.

        A bucket that had not begun when the fetch finished is not missing.
        """
        width, ts = WIDTHS[self.interval], self.columns.ts
        bucket = timedelta(microseconds=width)
        begun = ceil(micros(min(self.end, self.provenance.finished)), width)
        edges = [from_micros(ceil(micros(self.start), width))]
        for first, stop in contiguous_runs(ts, self.interval):
            edges += (ts[first], ts[stop - 1] + bucket)
        edges.append(from_micros(max(begun, micros(edges[-1]))))
        spans = zip(edges[::2], edges[1::2], strict=True)
        return [Gap(start, end, (end - start) // bucket) for start, end in spans if start < end]

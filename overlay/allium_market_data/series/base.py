"""The rows of one market over a span, and the gaps between them: what every function on a series takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..errors import UsageError
from ..model.endpoint import Endpoint
from ..model.intervals import WIDTHS, Interval, ceil
from ..model.provenance import Provenance
from ..model.rows import Columns
from ..model.times import from_micros, micros, to_iso
from ..model.timestamps import contiguous_runs
from ..validation import check_choice


def decimal_column(endpoint: Endpoint, name: str | None) -> str:
    """The decimal column of this name, by default the last one. Raises ``UsageError`` for an unknown name."""
    return check_choice("amount", endpoint.columns[-1] if name is None else name, endpoint.columns)


def flatten(arguments: Iterable[SeriesBase | Mapping[str, SeriesBase]]) -> list[SeriesBase]:
    """The series among the arguments and in the mappings among them, in order. Raises ``UsageError`` for anything else."""
    series: list[SeriesBase] = []
    for argument in arguments:
        series += argument.values() if isinstance(argument, Mapping) else [argument]
    wrong = next((each for each in series if not isinstance(each, SeriesBase)), None)
    if wrong is not None:
        raise UsageError(f"pass series, or mappings from market to series, not {type(wrong).__name__}")
    return series


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive buckets without a row: those with start <= ts < end, aware UTC datetimes on boundaries."""

    start: datetime
    end: datetime
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SeriesBase:
    """The rows of one market with start <= ts < end, of any endpoint: see ``Series``.

    ``columns`` stores the rows. It is internal: users have records and frames.
    """

    endpoint: Endpoint
    market_id: str
    interval: Interval
    start: datetime
    end: datetime
    columns: Columns
    provenance: Provenance
    unknown_fields: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ts, width = self.columns.ts, WIDTHS[self.interval]
        if len(self.columns.values) != len(self.endpoint.columns):
            raise UsageError(f"a series of {self.endpoint.name} has the columns {', '.join(self.endpoint.columns)}")
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

    def texts(self, column: str | None) -> list[str]:
        """A decimal column as the text of the server, by default the last one. Raises ``UsageError`` for an unknown name."""
        return self.columns.values[self.endpoint.columns.index(decimal_column(self.endpoint, column))]

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

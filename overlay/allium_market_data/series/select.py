"""Parts of a series: ranges of rows, and spans of time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from ..errors import UsageError
from ..model.times import now as current_time
from ..model.times import to_iso
from ..model.timestamps import count_before
from ..validation import Instant, to_instant
from .base import SeriesBase

S = TypeVar("S", bound=SeriesBase)


def select(series: S, part: slice) -> S:
    """The series of a slice, whose bounds are numbers of rows or instants. Raises ``UsageError`` for a mixture or a step."""
    bounds = [bound for bound in (part.start, part.stop) if bound is not None]
    are_rows = [hasattr(bound, "__index__") for bound in bounds]
    if any(are_rows) and not all(are_rows):
        raise UsageError("a slice has two numbers of rows or two times, not one of each")
    is_by_time = bounds and not any(are_rows)
    if part.step not in (None, 1):
        text = ":".join("" if bound is None else str(bound) for bound in (part.start, part.stop, part.step))
        records = f"list(series[{text.rpartition(':')[0]}])[::{part.step}]" if is_by_time else f"list(series)[{text}]"
        raise UsageError(f"a series cannot be sliced with a step: use {records} for records")
    return between(series, part.start, part.stop) if is_by_time else _rows(series, part)


def between(series: S, start: Instant | None, end: Instant | None) -> S:
    """The part of the series with start <= ts < end: see ``Series.between``."""
    now = current_time()
    since = series.start if start is None else to_instant(start, "start", now)
    until = series.end if end is None else to_instant(end, "end", now)
    if start is not None and end is not None and since > until:
        raise UsageError(f"start must not be after end: {to_iso(since)} is after {to_iso(until)}")
    since = min(max(since, series.start), series.end)
    until = max(min(until, series.end), since)
    first, stop = (count_before(series.columns.ts, edge) for edge in (since, until))
    return replace(series, start=since, end=until, columns=series.columns[first:stop])


def _rows(series: S, part: slice) -> S:
    first, stop, _ = part.indices(len(series))
    stop, ts = max(first, stop), series.columns.ts
    start = series.start if first == 0 else ts[first] if first < len(series) else series.end
    end = series.end if stop == len(series) else ts[stop]
    if first == stop and len(series):  # an empty slice has an empty span, so that it has no gaps
        end = start
    return replace(series, start=start, end=end, columns=series.columns[first:stop])


def row_number(index: Any, length: int) -> int:
    """The position of a row, counted from 0. Raises ``UsageError`` for what is not a number."""
    if not hasattr(index, "__index__"):
        raise UsageError(
            f"{index!r:.80} is not a row: series[3] is one row, series[start:end] the rows of a span of time"
        )
    position: int = range(length)[index]
    return position

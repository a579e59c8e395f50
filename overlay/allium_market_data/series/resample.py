"""Coarser buckets from finer ones. Pure.

Open interest is a stock: what a bucket says is what stood last in it. So the value of a coarser bucket is that of the last
finer bucket with a row in it, and it is known only when every finer bucket behind that row is known too.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from ..errors import UsageError
from ..model.intervals import INTERVALS, WIDTHS, Interval, ceil, floor
from ..model.rows import Columns
from ..model.times import from_micros, micros

if TYPE_CHECKING:
    from .series import OpenInterestSeries

Label: TypeAlias = Literal["start", "end"]
"""What ``ts`` names, which the specification leaves open: the start of its bucket, or its end."""


def resample(series: OpenInterestSeries, interval: Interval, label: Label = "start") -> OpenInterestSeries:
    """The series at a coarser ``interval``: see ``OpenInterestSeries.resample``."""
    width = _width(series.interval, interval)
    if label not in get_args(Label):
        raise UsageError(f"unknown label {label!r:.80}: use one of {', '.join(get_args(Label))}")
    if interval == series.interval:
        return series
    start, end = _span(series, width, label)
    columns = _last_of_each(series, width, label)
    first, stop = (bisect_left(columns.ts, from_micros(edge)) for edge in (start, end))
    return replace(
        series, interval=interval, columns=columns[first:stop], start=from_micros(start), end=from_micros(end)
    )


def _width(fine: Interval, coarse: Interval) -> int:
    """The width of the coarser bucket. Raises ``UsageError`` for one that finer buckets do not fill evenly."""
    if coarse not in INTERVALS:
        raise UsageError(f"unknown interval {coarse!r:.80}: use one of {', '.join(INTERVALS)}")
    if WIDTHS[coarse] % WIDTHS[fine]:
        raise UsageError(
            f"{fine} buckets do not make up {coarse} ones: a coarser interval must be a multiple of {fine}"
        )
    return WIDTHS[coarse]


def _span(series: OpenInterestSeries, width: int, label: Label) -> tuple[int, int]:
    """The span in which every coarser bucket is known, as near to that of the series as can be."""
    fine, start, end = WIDTHS[series.interval], micros(series.start), micros(series.end)
    first, stop = ceil(start, fine), ceil(end, fine)
    if label == "end":  # the finer labels of a bucket called L are those after L - width, up to L itself
        known = ceil(first - fine, width) + width
        return (start if ceil(start, width) == known else min(known, end)), end
    if stop >= micros(series.provenance.finished):  # nothing behind the span had begun, so nothing can be missing there
        return start, end
    return start, max(start, min(end, floor(stop, width)))


def _last_of_each(series: OpenInterestSeries, width: int, label: Label) -> Columns:
    """The last row of each coarser bucket that has one, under the label of that bucket."""
    columns, begun = series.columns, micros(series.provenance.started)
    edge, behind = (floor, width) if label == "start" else (ceil, 0)
    last: dict[int, int] = {}
    unsure: set[int] = set()
    for row, (ts, provisional) in enumerate(zip(columns.ts, columns.provisional, strict=True)):
        bucket = edge(micros(ts), width)
        last[bucket] = row
        if provisional or bucket + behind >= begun:
            unsure.add(bucket)
    values = tuple([column[row] for row in last.values()] for column in columns.values)
    return Columns(list(map(from_micros, last)), values, [bucket in unsure for bucket in last])

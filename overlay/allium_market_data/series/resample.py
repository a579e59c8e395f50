"""Coarser buckets from finer ones.

Open interest is a stock: the value of a bucket is the last value within it. So a coarser bucket has the value of the last
finer bucket in it that has a row, and this value is certain only if the finer buckets after that row are covered too.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Literal, TypeAlias, TypeVar, get_args

from ..errors import UsageError
from ..model.intervals import INTERVALS, WIDTHS, Interval, ceil, floor
from ..model.rows import Columns
from ..model.times import from_micros, micros
from ..validation import check_choice
from .base import SeriesBase

Label: TypeAlias = Literal["start", "end"]
"""What ``ts`` names, which the specification leaves open: the start of its bucket, or its end."""

S = TypeVar("S", bound=SeriesBase)


def resample(series: S, interval: Interval, label: Label = "start") -> S:
    """The series at a coarser ``interval``: see ``Series.resample``."""
    width = _coarser_width(series.interval, interval)
    check_choice("label", label, get_args(Label))
    if interval == series.interval:
        return series
    start, end = _certain_span(series, width, label)
    columns = _last_rows(series, width, label)
    first, stop = (bisect_left(columns.ts, from_micros(edge)) for edge in (start, end))
    return replace(
        series, interval=interval, columns=columns[first:stop], start=from_micros(start), end=from_micros(end)
    )


def _coarser_width(fine: Interval, coarse: Interval) -> int:
    """The width of the coarser bucket. Raises ``UsageError`` unless it is a multiple of the finer one."""
    check_choice("interval", coarse, INTERVALS)
    if WIDTHS[coarse] % WIDTHS[fine]:
        raise UsageError(f"cannot resample {fine} to {coarse}: choose an interval that is a multiple of {fine}")
    return WIDTHS[coarse]


def _certain_span(series: SeriesBase, width: int, label: Label) -> tuple[int, int]:
    """The largest part of the series' span in which the value of every coarser bucket is certain."""
    fine, start, end = WIDTHS[series.interval], micros(series.start), micros(series.end)
    first, stop = ceil(start, fine), ceil(end, fine)
    if label == "end":  # the coarser bucket labelled L holds the finer labels after L - width, up to L itself
        certain = ceil(first - fine, width) + width
        return (start if ceil(start, width) == certain else min(certain, end)), end
    if stop >= micros(series.provenance.finished):  # no bucket after the span had begun, so none can be missing
        return start, end
    return start, max(start, min(end, floor(stop, width)))


def _last_rows(series: SeriesBase, width: int, label: Label) -> Columns:
    """The last row of each coarser bucket that has one, under the label of that bucket."""
    columns, began = series.columns, micros(series.provenance.started)
    round_to, until_end = (floor, width) if label == "start" else (ceil, 0)
    last: dict[int, int] = {}
    provisional: set[int] = set()
    for row, (ts, is_provisional) in enumerate(zip(columns.ts, columns.provisional, strict=True)):
        bucket = round_to(micros(ts), width)
        last[bucket] = row
        if is_provisional or bucket + until_end >= began:
            provisional.add(bucket)
    values = tuple([column[row] for row in last.values()] for column in columns.values)
    return Columns(list(map(from_micros, last)), values, [bucket in provisional for bucket in last])

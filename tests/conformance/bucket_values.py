"""Whether each bucket has the value of the last sample in it, checked against the next finer interval.

A coarse bucket reports the last sample within it, and so does the last finer bucket in it, so both values must be equal.
This holds only if the labels are read correctly (start or end of the bucket), and only one way of reading them fits a
whole series; so the comparison also finds out what labels name. It compares existence as well: a coarse bucket exists
exactly if a finer one in it does. Without that, the first sample of a bucket labelled by its start would pass for the
last sample of a bucket labelled by its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TypeAlias

from allium_market_data.model.intervals import WIDTHS, Interval, floor

from .response import Amounts, Rows
from .times import text


class Labelling(Enum):
    """Which boundary of its bucket a label (``ts``) names."""

    START = "label-start"
    END = "label-end"

    def bucket(self, label: int, width: int) -> int:
        """The start of the bucket with this label."""
        return label if self is Labelling.START else label - width

    def label(self, bucket: int, width: int) -> int:
        """The label of the bucket that starts at ``bucket``."""
        return bucket if self is Labelling.START else bucket + width


Pair: TypeAlias = tuple[Interval, Interval]
"""Neighbouring intervals, the finer one first."""


@dataclass(frozen=True)
class Comparison:
    """The differences between coarse buckets and finer ones, and how many of the coarse ones could show any."""

    telling: int
    """Coarse buckets with finer ones of different values: only in these the last one is not just any of them."""
    differences: tuple[str, ...]


Comparisons: TypeAlias = Mapping[Labelling, Mapping[Pair, Comparison]]


def compare(fine: Rows, coarse: Rows, pair: Pair, labelling: Labelling, span: tuple[int, int]) -> Comparison:
    """Compare the coarse rows of ``span`` with the fine ones.

    The span is aligned to both intervals. If labels name the end, the last coarse bucket is labelled with the end of the
    span, which a response need not contain, so that bucket is left out.
    """
    fine_width, coarse_width = (WIDTHS[interval] for interval in pair)
    start, end = span
    last = end - coarse_width if labelling is Labelling.START else end - 2 * coarse_width
    expected: dict[int, Amounts] = {}
    telling: set[int] = set()
    for label in sorted(fine):
        bucket = floor(labelling.bucket(label, fine_width), coarse_width)
        if expected.setdefault(bucket, fine[label]) != fine[label]:
            telling.add(bucket)
        expected[bucket] = fine[label]
    actual = {labelling.bucket(label, coarse_width): amounts for label, amounts in coarse.items()}
    buckets = [bucket for bucket in sorted(expected.keys() | actual.keys()) if start <= bucket <= last]
    differences = (_difference(bucket, expected.get(bucket), actual.get(bucket), pair) for bucket in buckets)
    return Comparison(len(telling & actual.keys()), tuple(filter(None, differences)))


def _difference(bucket: int, expected: Amounts | None, actual: Amounts | None, pair: Pair) -> str:
    fine, coarse = pair
    name = f"the {coarse} bucket that starts at {text(bucket)}"
    if expected == actual:
        return ""
    if actual is None:
        return f"{name} is missing, although there are {fine} buckets in it"
    if expected is None:
        return f"{name} exists, although there is no {fine} bucket in it"
    return f"{name} is {actual}; the last {fine} bucket in it is {expected}"


def compare_all(series: Mapping[Interval, Rows], span: tuple[int, int]) -> Comparisons:
    """Every neighbouring pair of intervals, which the series has ascending, for both labellings."""
    return {
        labelling: {pair: compare(series[pair[0]], series[pair[1]], pair, labelling, span) for pair in pairwise(series)}
        for labelling in Labelling
    }


def best_labelling(comparisons: Comparisons) -> tuple[Labelling, int]:
    """The labelling with fewer differences, and the number of differences of the other one."""
    counts = {
        labelling: sum(len(comparison.differences) for comparison in pairs.values())
        for labelling, pairs in comparisons.items()
    }
    best, other = sorted(counts, key=lambda labelling: counts[labelling])
    return best, counts[other]

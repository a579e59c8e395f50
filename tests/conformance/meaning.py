"""What the value of a bucket is, told from finer buckets; pure.

A coarse bucket reports the last sample within it, and so does the last finer bucket in it: the two values are one. That
holds only under the right labelling, and only one labelling fits the whole series, so the labelling is found out here
as well. Existence is compared too: a coarse bucket is there exactly where a finer one in it is. Without that, the first
sample of a bucket named by its start would pass for the last one of a bucket named by its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final, TypeAlias

from allium_market_data.model.intervals import INTERVALS, WIDTHS, Interval, floor

from .answers import Amounts, Rows
from .times import text


class Labelling(Enum):
    """Which boundary of its bucket a label names."""

    START = "label-start"
    END = "label-end"

    def bucket(self, label: int, width: int) -> int:
        """Where the bucket called ``label`` begins."""
        return label if self is Labelling.START else label - width

    def label(self, bucket: int, width: int) -> int:
        """What the bucket that begins at ``bucket`` is called."""
        return bucket if self is Labelling.START else bucket + width


PAIRS: Final[tuple[tuple[Interval, Interval], ...]] = tuple(pairwise(INTERVALS))
"""Neighbouring intervals, the finer one first."""


@dataclass(frozen=True)
class Comparison:
    """How many coarse buckets were compared, and what was wrong."""

    compared: int
    faults: tuple[str, ...]


Comparisons: TypeAlias = Mapping[Labelling, Mapping[tuple[Interval, Interval], Comparison]]


def compare(
    fine: Rows, coarse: Rows, pair: tuple[Interval, Interval], labelling: Labelling, span: tuple[int, int]
) -> Comparison:
    """Hold the coarse rows of ``span`` against the fine ones.

    The span stands on boundaries of both. Where labels name ends, its last coarse bucket is called by the end of the
    span, which the answer need not contain: that one is left out.
    """
    fine_width, coarse_width = (WIDTHS[interval] for interval in pair)
    start, end = span
    last = end - coarse_width if labelling is Labelling.START else end - 2 * coarse_width
    expected: dict[int, Amounts] = {}
    for label in sorted(fine):
        expected[floor(labelling.bucket(label, fine_width), coarse_width)] = fine[label]
    seen = {labelling.bucket(label, coarse_width): amounts for label, amounts in coarse.items()}
    buckets = [bucket for bucket in sorted(expected.keys() | seen.keys()) if start <= bucket <= last]
    faults = (_fault(bucket, expected.get(bucket), seen.get(bucket), pair) for bucket in buckets)
    return Comparison(sum(bucket in seen for bucket in buckets), tuple(fault for fault in faults if fault))


def _fault(bucket: int, expected: Amounts | None, seen: Amounts | None, pair: tuple[Interval, Interval]) -> str:
    fine, coarse = pair
    name = f"the {coarse} bucket that begins at {text(bucket)}"
    if expected == seen:
        return ""
    if seen is None:
        return f"{name} is missing, and there are {fine} buckets in it"
    if expected is None:
        return f"{name} is there, and no {fine} bucket in it is"
    return f"{name} says {seen}; the last {fine} bucket in it says {expected}"


def compare_all(series: Mapping[Interval, Rows], span: tuple[int, int]) -> Comparisons:
    """Every neighbouring pair under both labellings."""
    return {
        labelling: {
            pair: compare(series[pair[0]], series[pair[1]], pair, labelling, span)
            for pair in PAIRS
            if pair[0] in series and pair[1] in series
        }
        for labelling in Labelling
    }


def best(comparisons: Comparisons) -> tuple[Labelling, int]:
    """The labelling with fewer faults, and how many faults the other one has."""
    counts = {
        labelling: sum(len(comparison.faults) for comparison in pairs.values())
        for labelling, pairs in comparisons.items()
    }
    better, worse = sorted(counts, key=lambda labelling: counts[labelling])
    return better, counts[worse]

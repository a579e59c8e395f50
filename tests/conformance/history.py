"""The same past span at every interval: what other answers are held against."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, Interval, floor

from .answers import Amounts, Answer
from .ask import Asker, Window
from .meaning import Comparisons, Labelling, best, compare_all

LENGTH: Final = 7 * DAY
"""As long as one request may be."""
BEFORE: Final = 3 * DAY
"""How much of the span lies before the instant that the run is about."""


class History:
    """Seven days around ``around``, on whole days, asked for when they are needed.

    The finest interval has more rows in them than one answer may; it is asked for in three parts.
    """

    def __init__(self, asker: Asker, around: int) -> None:
        self._asker = asker
        self.start = floor(around, DAY) - BEFORE
        self.end = self.start + LENGTH
        self._rows: dict[Interval, dict[int, Amounts]] = {}

    def window(self, interval: Interval) -> Window:
        """The whole span."""
        return Window(interval, self.start, self.end)

    def parts(self, interval: Interval) -> list[Window]:
        """The span in as few windows as have at most 5,000 rows each; three of 56 hours, or one."""
        count = 3 if LENGTH // WIDTHS[interval] > 5000 else 1
        step = LENGTH // count
        starts = range(self.start, self.end, step)
        return [Window(interval, start, start + step) for start in starts]

    def answers(self, interval: Interval) -> list[Answer]:
        """The answers to `parts`."""
        return [self._asker.window(part) for part in self.parts(interval)]

    def rows(self, interval: Interval) -> dict[int, Amounts]:
        """The rows of the span, in order of time. At a seam the later part counts: the earlier may end in half a row."""
        if interval not in self._rows:
            merged: dict[int, Amounts] = {}
            for answer in self.answers(interval):
                merged |= answer.by_label
            self._rows[interval] = dict(sorted(merged.items()))
        return self._rows[interval]

    @cached_property
    def comparisons(self) -> Comparisons:
        """Every interval against the next finer one."""
        return compare_all({interval: self.rows(interval) for interval in INTERVALS}, (self.start, self.end))

    @cached_property
    def labelling(self) -> Labelling:
        """What labels name, as far as the series tells; `test_meaning` fails where it does not."""
        return best(self.comparisons)[0]

"""Seven past days at every interval: the reference that other responses are compared with."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from allium_market_data.model.intervals import DAY, INTERVALS, WIDTHS, Interval, floor

from .bucket_values import Comparisons, Labelling, best_labelling, compare_all
from .request import Window
from .requester import Requester
from .response import Amounts, Page

LENGTH: Final = 7 * DAY
"""The longest window that one request may have."""
BEFORE: Final = 3 * DAY
"""How much of the week lies before the instant of ``--around``."""


class ReferenceWeek:
    """Seven whole days around the instant ``around``, fetched when needed.

    At the finest interval they have more rows than one response may return, so they are fetched in three parts.
    """

    def __init__(self, requester: Requester, around: int) -> None:
        self._requester = requester
        self.start = floor(around, DAY) - BEFORE
        self.end = self.start + LENGTH
        self._rows: dict[Interval, dict[int, Amounts]] = {}

    def window(self, interval: Interval) -> Window:
        """The whole week."""
        return Window(interval, self.start, self.end)

    def parts(self, interval: Interval) -> list[Window]:
        """The week in windows of at most 5,000 rows: three of 56 hours at the finest interval, otherwise one."""
        count = 3 if LENGTH // WIDTHS[interval] > 5000 else 1
        step = LENGTH // count
        return [Window(interval, start, start + step) for start in range(self.start, self.end, step)]

    def pages(self, interval: Interval) -> list[Page]:
        """The pages for `parts`."""
        return [self._requester.fetch_window(part) for part in self.parts(interval)]

    def rows(self, interval: Interval) -> dict[int, Amounts]:
        """The rows in order of time. Where two parts meet, the later one counts: the earlier may end in a partial row."""
        if interval not in self._rows:
            merged: dict[int, Amounts] = {}
            for page in self.pages(interval):
                merged |= page.by_label
            self._rows[interval] = dict(sorted(merged.items()))
        return self._rows[interval]

    @cached_property
    def comparisons(self) -> Comparisons:
        """Every interval compared with the next finer one."""
        return compare_all({interval: self.rows(interval) for interval in INTERVALS}, (self.start, self.end))

    @cached_property
    def labelling(self) -> Labelling:
        """What labels name, by the better fit. `test_bucket_values` fails if neither fits."""
        return best_labelling(self.comparisons)[0]

"""Seven past days at every interval: the reference that other responses are compared with, and what the market has there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS, Interval, floor

from .bucket_values import Comparisons, Labelling, best_labelling, compare_all
from .operation import intervals, longest, middle
from .request import Window
from .requester import Requester
from .response import Amounts, Page

LONGEST: Final = 7 * DAY
SHORTEST: Final = 3 * DAY


class ReferenceWeek:
    """A week of whole days around the instant ``around``, fetched when needed; fewer days if the window cap is short.

    Where they have more rows than one response may return, or are longer than the cap, they are fetched in parts.
    """

    def __init__(self, requester: Requester, around: int, refused: Sequence[Window] = ()) -> None:
        self._requester = requester
        self.operation = requester.operation
        self.intervals = intervals(self.operation)
        self.length = min(LONGEST, max(SHORTEST, floor(self.operation.window_cap, DAY)))
        self.start = floor(around, DAY) - self.length // 2 // DAY * DAY
        self.end = self.start + self.length
        self.refused = refused
        """Older windows that the server refused with a 4xx."""
        self._rows: dict[Interval, dict[int, Amounts]] = {}

    def window(self, interval: Interval) -> Window:
        """The whole week, or as many of its parts as one request may ask for, whatever the limit."""
        step = self._step(interval)
        return Window(interval, self.start, min(self.end, self.start + self.operation.window_cap // step * step))

    def parts(self, interval: Interval) -> list[Window]:
        """The week in as few windows of the same length as one response each has room for."""
        step = self._step(interval)
        return [Window(interval, start, start + step) for start in range(self.start, self.end, step)]

    def _step(self, interval: Interval) -> int:
        most, width = longest(self.operation, interval), WIDTHS[interval]
        steps = (self.length // count for count in range(1, self.length // width + 1) if self.length % count == 0)
        return next(step for step in steps if step % width == 0 and step <= most)

    def pages(self, interval: Interval) -> list[Page]:
        """The pages for `parts`."""
        return [self._requester.fetch_window(part) for part in self.parts(interval)]

    def rows(self, interval: Interval) -> dict[int, Amounts]:
        """The rows in order of time. Where two parts meet, the later one counts: the earlier may end in a partial row."""
        if interval not in self._rows:
            self._rows[interval] = _merge(self.pages(interval))
        return self._rows[interval]

    def rows_of_window(self, interval: Interval) -> dict[int, Amounts]:
        """The rows of `window` without a limit."""
        end = self.window(interval).end
        return self.rows(interval) if end == self.end else _merge(p for p in self.pages(interval) if p.end <= end)

    @cached_property
    def comparisons(self) -> Comparisons:
        """Every interval compared with the next finer one."""
        return compare_all({interval: self.rows(interval) for interval in self.intervals}, (self.start, self.end))

    @cached_property
    def labelling(self) -> Labelling | None:
        """What labels name, by the better fit; None if both fit, as in a market whose values never change.

        `test_bucket_values` fails if neither fits.
        """
        best, differences_of_other = best_labelling(self.comparisons)
        return best if differences_of_other else None

    @cached_property
    def half_day(self) -> Window:
        """Twelve hours from midnight or noon, at a middle interval: those with most rows.

        Rows near both edges count first, because a wrong offset shows by them.
        """
        starts = range(self.start + DAY, self.end - DAY, 12 * HOUR)
        return max((Window(middle(self.operation), start, start + 12 * HOUR) for start in starts), key=self._worth)

    def _worth(self, window: Window) -> tuple[bool, int]:
        labels = [label for label in self.rows(window.interval) if window.start <= label <= window.end]
        return self.shows_offsets(window), len(labels)

    def shows_offsets(self, window: Window) -> bool:
        """True if moving an edge of ``window`` by two hours or more, either way, moves it over a row."""
        labels = self.rows(window.interval).keys()
        hours = [(edge + side * HOUR, edge) for edge in (window.start, window.end) for side in (-2, 2)]
        # Labels exactly on an edge belong to either side, by the reading.
        return all(any(min(hour) < label < max(hour) for label in labels) for hour in hours)


def before_all_history(requester: Requester, interval: Interval) -> Window:
    """A window of 2006, before the first perpetual, as long as one response has room for."""
    start = 13_149 * DAY
    length = min(LONGEST, requester.operation.window_cap)
    return Window(interval, start, start + length)


def _merge(pages: Iterable[Page]) -> dict[int, Amounts]:
    merged: dict[int, Amounts] = {}
    for page in pages:
        merged |= page.by_label
    return dict(sorted(merged.items()))


def scout(requester: Requester, places: Sequence[int]) -> ReferenceWeek:
    """The reference week around the first of ``places`` where the market has rows; around the first one if there is none.

    A server may have less history than the example of the document, and may refuse what it does not keep.
    """
    refused: list[Window] = []
    for week in (ReferenceWeek(requester, place, refused) for place in places):
        window = week.window(week.intervals[-1])
        response = requester.send(window.request())
        if 400 <= response.status < 500:
            refused.append(window)
        elif response.status == 200 and _has_rows(requester.fetch_window(window)):
            return week
    return ReferenceWeek(requester, places[0])


def _has_rows(page: Page) -> bool:
    """True unless the page has no items. One that cannot be read counts: the tests say what is wrong with it."""
    return not page.is_readable or bool(page.rows)

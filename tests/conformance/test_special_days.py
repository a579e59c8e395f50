"""Days on which calendars are odd, where the history reaches one: a leap day, the turn of a year, a change of clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from allium_market_data.model.intervals import DAY, WIDTHS
from conformance import times
from conformance.bucket_values import compare_all
from conformance.operation import longest
from conformance.outcomes import left_out, not_shown
from conformance.reference_week import ReferenceWeek
from conformance.request import Window
from conformance.requester import Requester

SPECIAL: Final[Mapping[str, Callable[[datetime], bool]]] = {
    "a leap day": lambda day: (day.month, day.day) == (2, 29),
    "the turn of a year": lambda day: (day.month, day.day) == (1, 1),
    # In March the clocks of America change on the second Sunday, those of Europe on the last one.
    "a change of clocks": lambda day: day.month in (3, 10) and day.day > 24 and day.weekday() == 6,
}


def latest(is_special: Callable[[datetime], bool], before: int) -> int:
    """The midnight at which the latest such day before an instant begins."""
    day = times.EPOCH + timedelta(microseconds=before // DAY * DAY - 2 * DAY)
    while not is_special(day.astimezone(UTC)):
        day -= timedelta(days=1)
    return (day - times.EPOCH) // timedelta(microseconds=1)


@pytest.mark.clause(
    "bucket.last-sample-1",
    "bucket.last-sample-2",
    "bucket.last-sample-3",
    "interval.bucket-1",
    "series.open-interest-1",
)
def test_special_days_have_the_values_of_their_finer_buckets(requester: Requester, week: ReferenceWeek) -> None:
    """Two days each, at every interval, compared like the reference week."""
    if len(week.intervals) == 1:
        left_out("the operation has one interval, so there is none to compare it with")
    reached = 0
    for name, is_special in SPECIAL.items():
        start = latest(is_special, week.end)
        length = min(2 * DAY, requester.operation.window_cap)
        fitting = [i for i in week.intervals if length <= longest(requester.operation, i) and length % WIDTHS[i] == 0]
        windows = {interval: Window(interval, start, start + length) for interval in reversed(fitting)}
        probe = requester.fetch_or_error(windows[fitting[-1]].request(), windows[fitting[-1]])
        if probe is None or not probe.rows:
            continue
        reached += 1
        rows = {interval: requester.fetch_window(windows[interval]).by_label for interval in fitting}
        comparisons = compare_all(rows, (start, start + length))
        differences = min(
            (
                [text for comparison in pairs.values() for text in comparison.differences]
                for pairs in comparisons.values()
            ),
            key=len,
        )
        assert not differences, f"{name}: {len(differences)} differences, for example\n" + "\n".join(differences[:5])
    if not reached:
        not_shown("the market has no rows on a leap day, the turn of a year or a change of clocks", "a longer history")

"""Which rows a window returns: all of them, with the same values whatever the window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, INTERVALS, SECOND, WIDTHS, Interval
from conformance import invalid_requests, row_checks
from conformance.random_examples import RandomExamples, to_window, windows
from conformance.reference_week import ReferenceWeek
from conformance.request import Window
from conformance.requester import Requester
from conformance.response import Page, Rows
from conformance.sample_size import SampleSize
from conformance.times import text


def report(differences: list[str], *pages: Page) -> str:
    curls = [page.response.curl for page in pages]
    return "\n".join([f"{len(differences)} differences, for example", *differences[:5], *curls])


@pytest.mark.clause("start.window-1", "end.window-1", "bucket.last-sample-1", "series.open-interest-2")
class TestWindow:
    """Start of the window; End of the window.

    Returns the open interest timeseries for a perpetual market. In it, each bucket reports the last sample within it.
    """

    @pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "unaligned"])
    def test_a_window_has_the_rows_of_a_wider_window(
        self,
        requester: Requester,
        week: ReferenceWeek,
        random_examples: RandomExamples,
        sample: SampleSize,
        aligned: bool,
    ) -> None:
        def check(example: tuple[Interval, int, int]) -> None:
            window = to_window(example)
            page = sample.add(requester.fetch_window(window))
            differences = row_checks.differences_from_wider(page, week.rows(window.interval), week.labelling)
            assert not differences, report(differences, page)

        name = f"wider-{'aligned' if aligned else 'unaligned'}"
        random_examples.check_each(name, 10, windows(week.start, aligned), check)
        sample.require(6, rows=30)

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_two_halves_have_the_rows_of_the_whole(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        window = week.parts(interval)[0]
        middle = window.start + (DAY if interval == "1m" else 3 * DAY)
        first = sample.add(requester.fetch_window(Window(interval, window.start, middle)))
        second = sample.add(requester.fetch_window(Window(interval, middle, window.end)))
        whole = sample.add(requester.fetch_window(window))
        differences = row_checks.differences_from_halves(first.by_label, second.by_label, whole.by_label)
        assert not differences, report(differences, whole, first, second)
        sample.require(3)

    @pytest.mark.parametrize("interval", ["15m", "4h"])
    def test_values_do_not_depend_on_where_the_window_starts(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        width = WIDTHS[interval]
        begin, end = week.start + DAY, week.start + 3 * DAY
        starts = [begin, begin + SECOND, begin + width - 1, begin + width]
        pages = [sample.add(requester.fetch_window(Window(interval, start, end))) for start in starts]
        # From the third bucket on, each of these windows has whole buckets only, whatever labels name.
        common: list[Rows] = [
            {label: amounts for label, amounts in page.by_label.items() if begin + 2 * width <= label < end}
            for page in pages
        ]
        different = [page for page, rows in zip(pages, common, strict=True) if rows != common[0]]
        assert not different, f"not the rows of the window from {text(begin)}:\n{different[0].response.curl}"
        sample.require(4)


@pytest.mark.clause("series.open-interest-1", "series.open-interest-2", "series.open-interest-3")
class TestHistory:
    """Historical open interest timeseries for a perpetual market.

    Returns the open interest timeseries for a perpetual market. Open interest timeseries for a perpetual market.
    """

    @pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
    def test_a_past_window_returns_the_same_rows_each_time(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        end = week.start + (7 * DAY if interval == "1d" else DAY)
        window = Window(interval, week.start, end)
        first = sample.add(requester.fetch_window(window))
        second = sample.add(requester.fetch_window(window, resend=True))
        assert first.rows == second.rows, f"the second response has other rows\n{second.response.curl}"
        sample.require(2)


@pytest.mark.clause("answer.samples-1")
class TestEmptyWindow:
    """Open interest samples."""

    @pytest.mark.parametrize("interval", ["1m", "1d"])
    def test_a_window_before_all_history_has_no_items(self, requester: Requester, interval: Interval) -> None:
        start = 13_149 * DAY  # 2006, before the first perpetual
        page = requester.fetch_window(Window(interval, start, start + 7 * DAY))
        assert page.items == [], f"items before the start of history\n{page.response.curl}"

    @pytest.mark.parametrize("interval", ["1m", "5m"])
    def test_a_gap_between_two_rows_has_no_items(
        self, requester: Requester, week: ReferenceWeek, interval: Interval
    ) -> None:
        width = WIDTHS[interval]
        labels = list(week.rows(interval))
        gaps = [(after - before, before, after) for before, after in pairwise(labels) if after - before >= 3 * width]
        if not gaps:
            pytest.skip(f"needs a gap of three buckets at {interval}; the seven days have none")
        _, before, after = max(gaps)
        # Whatever labels name, this window contains no sample and no label, even if its end is inclusive.
        window = Window(interval, before + width, after - width - SECOND)
        page = requester.fetch_window(window)
        assert page.items == [], f"items in a gap between two rows\n{page.response.curl}"


@pytest.mark.clause("window.cap-1", "window.cap-2")
class TestCap:
    """The query window is currently capped at **7 days** per request. Query window capped at 7 days per request."""

    @pytest.mark.parametrize("interval", INTERVALS[1:])
    def test_a_window_of_seven_days_is_complete(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        whole = sample.add(requester.fetch_window(week.window(interval)))
        middle = week.start + 3 * DAY
        first = requester.fetch_window(Window(interval, week.start, middle))
        second = requester.fetch_window(Window(interval, middle, week.end))
        differences = row_checks.differences_from_halves(first.by_label, second.by_label, whole.by_label)
        assert not differences, report(differences, whole)
        sample.require(1)

    def test_seven_days_at_the_finest_interval_are_accepted(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize
    ) -> None:
        sample.add(requester.fetch_window(week.window("1m")))
        sample.require(1, rows=1000)

    @pytest.mark.parametrize(
        ("interval", "over"),
        [("1m", SECOND), ("1h", SECOND), ("1d", SECOND), ("4h", DAY), ("1d", 23 * DAY)],
    )
    def test_a_window_of_more_than_seven_days_is_rejected(
        self, requester: Requester, week: ReferenceWeek, interval: Interval, over: int
    ) -> None:
        requester.expect_error(invalid_requests.too_long(week.start, interval, over))

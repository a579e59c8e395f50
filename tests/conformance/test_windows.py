"""Which rows a window returns: all of them, with the same values whatever the window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from allium_market_data.model.intervals import DAY, HOUR, SECOND, WIDTHS, Interval, ceil, floor
from conformance import invalid_requests, row_checks
from conformance.operation import longest, middle
from conformance.outcomes import left_out, not_shown
from conformance.random_examples import RandomExamples, to_window, windows
from conformance.reference_week import ReferenceWeek, before_all_history
from conformance.request import Window
from conformance.requester import Requester
from conformance.response import Page, Rows
from conformance.sample_size import SampleSize
from conformance.target import Target
from conformance.times import text


def report(differences: list[str], *pages: Page) -> str:
    curls = [page.response.curl for page in pages]
    return "\n".join([f"{len(differences)} differences, for example", *differences[:5], *curls])


@pytest.mark.clause("start.window-1", "end.window-1", "bucket.last-sample-1", "series.open-interest-2")
class TestWindow:
    """The rows and values of a window do not depend on where it begins and ends, apart from its edges."""

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
        random_examples.check_each(name, 6, windows(week, aligned), check)
        sample.require(4, rows=30)

    def test_two_halves_have_the_rows_of_the_whole(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, interval: Interval
    ) -> None:
        window = week.parts(interval)[0]
        half = ceil((window.end - window.start) * 3 // 7, window.width)
        if half == window.end - window.start:
            left_out("a window has one bucket at most")
        middle = window.start + half
        first = sample.add(requester.fetch_window(Window(interval, window.start, middle)))
        second = sample.add(requester.fetch_window(Window(interval, middle, window.end)))
        whole = sample.add(requester.fetch_window(window))
        differences = row_checks.differences_from_halves(first.by_label, second.by_label, whole.by_label)
        assert not differences, report(differences, whole, first, second)
        sample.require(3)

    def test_values_do_not_depend_on_where_the_window_starts(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, inner_interval: Interval
    ) -> None:
        interval, width = inner_interval, WIDTHS[inner_interval]
        begin = week.start + DAY
        end = begin + floor(min(2 * DAY, longest(requester.operation, interval)), width)
        starts = [begin, begin + SECOND, begin + width - 1]
        pages = [sample.add(requester.fetch_window(Window(interval, start, end))) for start in starts]
        # From the third bucket on, each of these windows has whole buckets only, whatever labels name.
        common: list[Rows] = [
            {label: amounts for label, amounts in page.by_label.items() if begin + 2 * width <= label < end}
            for page in pages
        ]
        different = [page for page, rows in zip(pages, common, strict=True) if rows != common[0]]
        assert not different, f"not the rows of the window from {text(begin)}:\n{different[0].response.curl}"
        sample.require(3)


@pytest.mark.clause("series.open-interest-1", "series.open-interest-2", "series.open-interest-3")
class TestHistory:
    """What is past stays as it is."""

    def test_a_past_window_returns_the_same_rows_each_time(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, outer_interval: Interval
    ) -> None:
        window = week.parts(outer_interval)[-1]
        first = sample.add(requester.fetch_window(window))
        second = sample.add(requester.fetch_window(window, resend=True))
        assert first.rows == second.rows, f"the second response has other rows\n{second.response.curl}"
        sample.require(2)


@pytest.mark.clause("answer.samples-1")
class TestEmptyWindow:
    """A window without samples has no rows."""

    def test_a_window_before_all_history_has_no_items(self, requester: Requester, week: ReferenceWeek) -> None:
        for interval in (week.intervals[0], week.intervals[-1]):
            window = before_all_history(requester, interval)
            page = requester.fetch_or_error(window.request(), window)  # the open question `retention`
            assert page is None or page.items == [], f"items before the start of history\n{page.response.curl}"

    def test_a_gap_between_two_rows_has_no_items(self, requester: Requester, week: ReferenceWeek) -> None:
        gaps = [
            (after - before, Window(interval, before + WIDTHS[interval], after - WIDTHS[interval] - SECOND))
            for interval in week.intervals
            for before, after in pairwise(week.rows(interval))
            if after - before >= 3 * WIDTHS[interval] and after - before <= requester.operation.window_cap
        ]
        if not gaps:
            not_shown("the week has no gap of three buckets", "a quieter market (--market) or other days (--around)")
        # Whatever labels name, this window contains no sample and no label, even if its end is inclusive.
        _, window = max(gaps, key=lambda gap: (gap[0] // gap[1].width, gap[0]))
        page = requester.fetch_window(window)
        assert page.items == [], f"items in a gap between two rows\n{page.response.curl}"

    @pytest.mark.clause("bucket.last-sample-1")
    def test_a_window_in_the_future_has_no_items(
        self, requester: Requester, week: ReferenceWeek, target: Target
    ) -> None:
        start = ceil(target.now, HOUR) + 2 * HOUR
        interval = middle(requester.operation)
        window = Window(interval, start, start + floor(min(DAY, longest(requester.operation, interval)), HOUR))
        page = requester.fetch_or_error(window.request(), window)
        assert page is None or page.items == [], f"items in the future\n{page.response.curl}"


@pytest.mark.clause("window.cap-1", "window.cap-2")
class TestCap:
    """The longest window, and windows that are longer."""

    def test_the_longest_window_is_complete(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize, long_interval: Interval
    ) -> None:
        cap = requester.operation.window_cap
        start = week.end - cap if cap > week.length else week.start
        whole = sample.add(requester.fetch_window(Window(long_interval, start, start + cap)))
        half = ceil(cap * 3 // 7, WIDTHS[long_interval])
        if half < cap:
            first = requester.fetch_window(Window(long_interval, start, start + half))
            second = requester.fetch_window(Window(long_interval, start + half, start + cap))
            differences = row_checks.differences_from_halves(first.by_label, second.by_label, whole.by_label)
            assert not differences, report(differences, whole)
        sample.require(1)

    def test_the_longest_window_is_accepted_at_the_finest_interval(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize
    ) -> None:
        start = max(week.start, week.end - requester.operation.window_cap)
        window = Window(week.intervals[0], start, start + requester.operation.window_cap)
        sample.add(requester.fetch_window(window))
        sample.require(1)

    def test_a_longer_window_is_rejected(
        self, requester: Requester, week: ReferenceWeek, outer_interval: Interval
    ) -> None:
        requester.expect_error(invalid_requests.too_long(week, outer_interval, SECOND))

    @pytest.mark.parametrize("days", [1, 23])
    def test_a_window_that_is_longer_by_days_is_rejected(
        self, requester: Requester, week: ReferenceWeek, days: int
    ) -> None:
        requester.expect_error(invalid_requests.too_long(week, week.intervals[-1], days * DAY))

    def test_a_longer_window_is_rejected_whatever_its_limit(self, requester: Requester, week: ReferenceWeek) -> None:
        request = invalid_requests.too_long(week, week.intervals[-1], DAY)
        requester.expect_error(request.with_parameters(limit=requester.operation.limit_minimum))

    def test_a_longer_window_in_the_future_is_rejected(
        self, requester: Requester, week: ReferenceWeek, target: Target
    ) -> None:
        start = ceil(target.now, DAY) + DAY
        window = Window(week.intervals[-1], start, start + requester.operation.window_cap + DAY)
        requester.expect_error(window.request())

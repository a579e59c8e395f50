"""``limit``: how many rows a response has at most, and which."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import WIDTHS, Interval
from conformance import row_checks
from conformance.outcomes import left_out, not_shown
from conformance.random_examples import RandomExamples, limits
from conformance.reference_week import ReferenceWeek
from conformance.request import MOST
from conformance.requester import Requester
from conformance.response import Page, Row
from conformance.sample_size import SampleSize


def rows_of(week: ReferenceWeek, interval: Interval) -> list[Row]:
    """The rows of the window of the reference week, in order of time."""
    return [Row(label, amounts) for label, amounts in week.rows_of_window(interval).items()]


def rows_beyond(week: ReferenceWeek, interval: Interval, limit: int) -> list[Row]:
    """The rows of the reference week. The test is not shown if there are not more than ``limit``."""
    rows = rows_of(week, interval)
    if week.operation.window_cap // WIDTHS[interval] <= limit:
        left_out(f"no window at {interval} has more than {limit} buckets")
    if len(rows) <= limit:
        not_shown(f"{len(rows)} rows in {week.window(interval)}, needs over {limit}")
    return rows


def kept_ends(page: Page, whole: list[Row], limit: int) -> set[str]:
    """The ends of the window that a limit has kept in ``page``. Fails if the page is not cut from one end."""
    ends = row_checks.kept_ends(row_checks.sorted_rows(page), whole, limit)
    assert ends, (
        f"limit {limit} returned {len(page.rows)} of {len(whole)} rows, which are neither the earliest "
        f"{min(limit, len(whole))} nor the latest\n{page.response.curl}"
    )
    return ends


@pytest.mark.clause("limit.most-rows-1")
class TestKeptRows:
    """Of more rows than the limit, those at one end."""

    def test_every_limit_keeps_rows_from_the_same_end(
        self, requester: Requester, week: ReferenceWeek, random_examples: RandomExamples, sample: SampleSize
    ) -> None:
        possible = {"keep-earliest", "keep-latest"}
        operation = requester.operation

        def check(interval: Interval, limit: int | str | None) -> None:
            page = sample.add(requester.fetch_window(week.window(interval), limit))
            number = {None: operation.limit_default, MOST: operation.limit_maximum}.get(limit, limit)  # type: ignore[arg-type]
            ends = kept_ends(page, rows_of(week, interval), int(number or 0))
            assert ends & possible, f"this limit has {ends}, another limit {possible}\n{page.response.curl}"
            possible.intersection_update(ends)

        random_examples.check_each("limits", 5, limits(week), lambda example: check(*example))
        # A busy week at the finest interval has more rows than any limit allows.
        for limit in (2, None, operation.limit_maximum - 1, MOST):
            check(week.intervals[0], limit)
        if len(possible) > 1:
            not_shown("no limit has cut the window")
        sample.require(3)


class TestBoundaries:
    @pytest.mark.clause("limit.range-1", "limit.minimum-1", "limit.most-rows-1")
    def test_the_smallest_limit_is_honoured(self, requester: Requester, week: ReferenceWeek) -> None:
        interval = week.intervals[len(week.intervals) // 2]
        smallest = requester.operation.limit_minimum
        rows = rows_beyond(week, interval, smallest)
        page = requester.fetch_window(week.window(interval), smallest)
        kept_ends(page, rows, smallest)

    @pytest.mark.clause("limit.range-1", "limit.maximum-1", "limit.most-rows-1", "limit.type-1")
    def test_other_limits_are_honoured(self, requester: Requester, week: ReferenceWeek, valid_limit: int) -> None:
        interval = week.intervals[0]
        page = requester.fetch_window(week.window(interval), valid_limit)
        kept_ends(page, rows_of(week, interval), valid_limit)
        rows_beyond(week, interval, valid_limit)

    @pytest.mark.clause("limit.default-1")
    def test_the_default_limit_is_honoured(
        self, requester: Requester, week: ReferenceWeek, fine_interval: Interval
    ) -> None:
        page = requester.fetch_window(week.window(fine_interval), None)
        default = requester.operation.limit_default
        kept_ends(page, rows_of(week, fine_interval), default)
        rows_beyond(week, fine_interval, default)

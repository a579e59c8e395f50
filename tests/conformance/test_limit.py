"""``limit``: how many rows a response has at most, and which."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import Interval
from conformance import row_checks
from conformance.random_examples import RandomExamples, limits
from conformance.reference_week import ReferenceWeek
from conformance.requester import Requester
from conformance.response import Page, Row
from conformance.sample_size import SampleSize


def rows_of(week: ReferenceWeek, interval: Interval) -> list[Row]:
    """The rows of the reference week in order of time."""
    return [Row(label, amounts) for label, amounts in week.rows(interval).items()]


def rows_beyond(week: ReferenceWeek, interval: Interval, limit: int) -> list[Row]:
    """The rows of the reference week. Fails as inconclusive if there are not more than ``limit``."""
    rows = rows_of(week, interval)
    if len(rows) <= limit:
        pytest.fail(f"inconclusive: {len(rows)} rows in seven days at {interval}, needs over {limit}", pytrace=False)
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
    """Maximum rows to return."""

    def test_every_limit_keeps_rows_from_the_same_end(
        self, requester: Requester, week: ReferenceWeek, random_examples: RandomExamples, sample: SampleSize
    ) -> None:
        possible = {"keep-earliest", "keep-latest"}

        def check(interval: Interval, limit: int | None) -> None:
            page = sample.add(requester.fetch_window(week.window(interval), limit))
            ends = kept_ends(page, rows_of(week, interval), limit or 500)
            assert ends & possible, f"this limit has {ends}, another limit {possible}\n{page.response.curl}"
            possible.intersection_update(ends)

        random_examples.check_each("limits", 10, limits, lambda example: check(*example))
        # The whole week at the finest interval has more rows than any limit allows.
        for limit in (2, None, 4999, 5000):
            check("1m", limit)
        if len(possible) > 1:
            pytest.fail("inconclusive: no limit has cut the window", pytrace=False)
        sample.require(10, rows=5000)


class TestBoundaries:
    @pytest.mark.clause("limit.range-1", "limit.minimum-1", "limit.most-rows-1")
    def test_limit_1_returns_one_row(self, requester: Requester, week: ReferenceWeek) -> None:
        """Maximum rows to return (1–5000). minimum: 1"""
        page = requester.fetch_window(week.window("1h"), 1)
        assert len(page.rows) == 1, f"{len(page.rows)} rows with limit 1\n{page.response.curl}"
        assert page.rows[0] in rows_of(week, "1h"), f"a row that is not in the window\n{page.response.curl}"

    @pytest.mark.clause("limit.range-1", "limit.maximum-1", "limit.most-rows-1", "limit.type-1")
    @pytest.mark.parametrize("limit", [2, 4999, 5000])
    def test_a_limit_up_to_5000_is_honoured(self, requester: Requester, week: ReferenceWeek, limit: int) -> None:
        """Maximum rows to return (1–5000). type: integer maximum: 5000"""
        page = requester.fetch_window(week.window("1m"), limit)
        kept_ends(page, rows_beyond(week, "1m", limit), limit)

    @pytest.mark.clause("limit.default-1")
    @pytest.mark.parametrize("interval", ["1m", "5m"])
    def test_the_default_limit_is_500(self, requester: Requester, week: ReferenceWeek, interval: Interval) -> None:
        """default: 500"""
        page = requester.fetch_window(week.window(interval), None)
        kept_ends(page, rows_beyond(week, interval, 500), 500)

"""The labels (``ts``) and markets of the rows of every page of the run."""

from __future__ import annotations

import pytest

from conformance import row_checks
from conformance.reference_week import ReferenceWeek
from conformance.response import Page
from conformance.sample_size import SampleSize
from conformance.times import text


@pytest.mark.clause("row.ts-boundary-1", "interval.bucket-1")
def test_every_label_is_a_bucket_boundary(pages: list[Page], sample: SampleSize) -> None:
    """Of the interval that was asked for, in UTC."""
    for page in pages:
        unaligned = [text(row.ts) for row in sample.add(page).rows if row.ts % page.width]
        assert not unaligned, f"{unaligned[:3]} are not bucket boundaries\n{page.response.curl}"
    sample.require(3, rows=30)


@pytest.mark.clause("series.open-interest-2")
class TestSeries:
    """The rows of a response are a series."""

    def test_labels_are_unique_within_a_response(self, pages: list[Page], sample: SampleSize) -> None:
        for page in pages:
            count = len(sample.add(page).rows)
            assert len(page.by_label) == count, f"a label is repeated\n{page.response.curl}"
        sample.require(3, rows=30)

    def test_all_responses_have_their_rows_in_the_same_order(self, pages: list[Page], sample: SampleSize) -> None:
        first: tuple[str, str] | None = None
        for page in pages:
            order = row_checks.order_of([row.ts for row in sample.add(page).rows])
            assert order, f"the rows are not in order\n{page.response.curl}"
            if len(page.rows) > 1:
                first = first or (order, page.response.curl)
                assert order == first[0], f"{order} rows here, but {first[0]} in\n{first[1]}\n{page.response.curl}"
        sample.require(3, rows=30)


@pytest.mark.clause("start.window-1", "end.window-1")
def test_no_label_is_outside_the_window(pages: list[Page], week: ReferenceWeek, sample: SampleSize) -> None:
    """With the margin that the readings need."""
    for page in pages:
        outside = row_checks.labels_outside(sample.add(page), week.labelling)
        assert not outside, f"no reading allows {text(outside[0])} in this window\n{page.response.curl}"
    sample.require(3, rows=30)


@pytest.mark.clause("market.slug-1", "row.market-id-2")
def test_every_row_is_of_the_requested_market(pages: list[Page], sample: SampleSize) -> None:
    """Letter by letter."""
    for page in pages:
        others = {item.get(page.operation.market_field) for item in sample.add(page).items} - {page.market_id}
        assert not others, f"rows of {others}\n{page.response.curl}"
    sample.require(3, rows=30)

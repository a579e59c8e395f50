"""The form of every response of the run, validated against the document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import invalid_requests
from conformance.document import BodyValidator, Document
from conformance.reference_week import ReferenceWeek
from conformance.requester import Requester
from conformance.response import Page, fields, unknown_fields
from conformance.sample_size import SampleSize
from conformance.target import Target


class TestBody:
    @pytest.mark.clause(
        "answer.type-1", "answer.items-1", "answer.items-2", "answer.required-1", "row.type-1", "row.required-1",
        "row.market-id-1", "row.ts-1", "row.oi-base-1", "row.oi-quote-usd-1",
    )  # fmt: skip
    def test_every_body_validates_against_the_document(
        self, pages: list[Page], validator: BodyValidator, sample: SampleSize
    ) -> None:
        """Every page of the run."""
        for page in pages:
            errors = validator.errors(page.json)
            preview = "\n".join([*errors[:5], page.response.curl])
            assert not errors, f"{len(errors)} schema errors, for example\n{preview}"
            sample.add(page)
        sample.require(3, rows=30)

    @pytest.mark.clause("answer.media-type-1")
    def test_every_body_is_one_json_value(self, pages: list[Page], sample: SampleSize) -> None:
        for page in pages:
            media_type = page.response.media_type
            assert media_type == "application/json", f"content type {media_type!r}\n{page.response.curl}"
            assert page.json is not None, page.response.curl
            sample.add(page)
        sample.require(3)

    @pytest.mark.clause("answer.media-type-1", "answer.samples-1")
    def test_a_body_that_is_not_compressed_is_the_same(
        self, requester: Requester, week: ReferenceWeek, sample: SampleSize
    ) -> None:
        plain = sample.add(requester.fetch_window(week.half_day))
        request = replace(week.half_day.request(), accept_encoding="identity")
        page = sample.add(requester.fetch(request, week.half_day))
        assert page.rows == plain.rows, f"not the rows of the compressed response\n{page.response.curl}"
        sample.require(2)

    @pytest.mark.clause("alpha.may-change-1", "alpha.may-change-2")
    def test_undocumented_fields_are_allowed(self, pages: list[Page], document: Document) -> None:
        """They are reported, and fail nothing."""
        operation = pages[0].operation
        known = {operation.items_field, *fields(operation)}
        assert set(document.row(operation.items_field)["properties"]) >= fields(operation)
        beside_items, in_items = unknown_fields(pages)
        assert not (beside_items | in_items) & known


@pytest.mark.clause("answer.status-1")
def test_every_status_is_200_or_4xx(
    pages: list[Page], requester: Requester, week: ReferenceWeek, target: Target
) -> None:
    """Of every response of the run."""
    assert pages
    for request in invalid_requests.one_of_each(week, target.non_perp_market).values():
        requester.send(request)
    unexpected = [r for r in requester.responses if r.status != 200 and not 400 <= r.status < 500]
    assert not unexpected, f"{unexpected[0]}\n{unexpected[0].curl}"
    valid = {id(page.response) for page in pages}
    accepted = [r for r in requester.responses if r.status == 200 and id(r) not in valid]
    assert not accepted, f"status 200 for an invalid request\n{accepted[0].curl}"
    items = f'"{requester.operation.items_field}"'.encode()
    with_items = [r for r in requester.responses if r.status != 200 and items in r.body]
    assert not with_items, f"an error response with items: {with_items[0]}\n{with_items[0].curl}"

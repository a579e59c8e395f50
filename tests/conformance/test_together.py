"""Requests that are sent at the same time."""

from __future__ import annotations

import pytest

from conformance.outcomes import not_shown
from conformance.requester import Requester

COUNT = 8


@pytest.mark.clause(
    "series.open-interest-1", "series.open-interest-2", "start.window-1", "end.window-1", "market.slug-1"
)
def test_requests_at_the_same_time_get_their_own_rows(requester: Requester) -> None:
    """Eight requests of this run, once more and all at once."""
    smallest = sorted(requester.known().items(), key=lambda known: len(known[1].response.body))
    distinct = {page.rows: (request, page) for request, page in smallest}
    known = list(distinct.values())[:COUNT]
    if len(known) < 2:
        not_shown("fewer than two responses of this run differ")
    responses = requester.send_together([request for request, _ in known])
    for (_, page), response in zip(known, responses, strict=True):
        assert response.status == 200, f"expected 200, got {response}\n{response.curl}"
        again = page.with_response(response)
        assert again.rows == page.rows, f"other rows than alone; sent with {COUNT - 1} others\n{response.curl}"

"""Which requests the key and the market allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import invalid_requests
from conformance.reference_week import ReferenceWeek
from conformance.request import INVALID_KEYS
from conformance.requester import Requester
from conformance.sample_size import SampleSize
from conformance.target import Target


@pytest.mark.clause("access.key-needed-1", "access.key-kind-1", "access.key-place-1", "access.key-name-1")
class TestKey:
    """security: - APIKeyBearer: []

    A key of type: apiKey, in: header, name: X-API-KEY
    """

    def test_a_valid_key_is_accepted(self, requester: Requester, week: ReferenceWeek, sample: SampleSize) -> None:
        sample.add(requester.fetch(invalid_requests.valid_request(week.start)))
        sample.require(1)

    def test_a_request_without_a_key_is_rejected(self, requester: Requester, week: ReferenceWeek) -> None:
        requester.expect_error(replace(invalid_requests.valid_request(week.start), key=None), (401, 403))

    @pytest.mark.parametrize("key", INVALID_KEYS)
    def test_an_invalid_key_is_rejected(self, requester: Requester, week: ReferenceWeek, key: str) -> None:
        requester.expect_error(replace(invalid_requests.valid_request(week.start), key=key), (401, 403))


@pytest.mark.clause("market.perpetual-only-1", "market.slug-1")
class TestMarkets:
    """Perp markets only. Canonical market slug, {venue}:{instrument_type}:{pair}."""

    def test_a_market_that_is_not_a_perpetual_is_rejected(
        self, requester: Requester, week: ReferenceWeek, target: Target
    ) -> None:
        if target.non_perp_market is None:
            pytest.skip("needs --non-perp-market")
        requester.expect_error(replace(invalid_requests.valid_request(week.start), market=target.non_perp_market))

    @pytest.mark.parametrize("market", invalid_requests.UNKNOWN_MARKETS)
    def test_an_unknown_market_is_rejected(self, requester: Requester, week: ReferenceWeek, market: str) -> None:
        requester.expect_error(replace(invalid_requests.valid_request(week.start), market=market))

"""Which requests the key and the market allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import invalid_requests
from conformance.outcomes import left_out, not_shown
from conformance.reference_week import ReferenceWeek
from conformance.request import INVALID_KEYS
from conformance.requester import Requester
from conformance.sample_size import SampleSize
from conformance.target import Target


@pytest.mark.clause("access.key-needed-1", "access.key-kind-1", "access.key-place-1", "access.key-name-1")
class TestKey:
    """The key in its header: the valid one only."""

    def test_a_valid_key_is_accepted(self, requester: Requester, week: ReferenceWeek, sample: SampleSize) -> None:
        sample.add(requester.fetch_window(week.half_day))
        sample.require(1)

    def test_a_request_without_a_key_is_rejected(self, requester: Requester, week: ReferenceWeek) -> None:
        requester.expect_error(replace(week.half_day.request(), key=None), (401, 403))

    @pytest.mark.parametrize("key", INVALID_KEYS)
    def test_an_invalid_key_is_rejected(
        self, requester: Requester, week: ReferenceWeek, target: Target, key: str
    ) -> None:
        if key == "other case" and target.api_key.swapcase() == target.api_key:
            left_out("the key has no letters")
        requester.expect_error(replace(week.half_day.request(), key=key), (401, 403))


@pytest.mark.clause("market.perpetual-only-1", "market.slug-1")
class TestMarkets:
    """Markets that are not perpetuals, or that do not exist."""

    def test_a_market_that_is_not_a_perpetual_is_rejected(
        self, requester: Requester, week: ReferenceWeek, target: Target
    ) -> None:
        if target.non_perp_market is None:
            left_out("--non-perp-market was left out")
        requester.expect_error(replace(week.half_day.request(), market=target.non_perp_market))

    @pytest.mark.parametrize("market", invalid_requests.UNKNOWN_MARKETS)
    def test_an_unknown_market_is_rejected(self, requester: Requester, week: ReferenceWeek, market: str) -> None:
        requester.expect_error(replace(week.half_day.request(), market=market))


def other_markets(target: Target) -> list[str]:
    """The second market of the options; otherwise guesses: the same venue and quote, a base that many venues have."""
    if target.other_market is not None:
        return [target.other_market]
    head, _, pair = target.market.rpartition(":")
    base, dash, quote = pair.partition("-")
    return [f"{head}:{other}{dash}{quote}" for other in ("BTC", "ETH", "SOL") if other != base.upper()][:2]


@pytest.mark.clause("market.slug-1", "row.market-id-2", "series.open-interest-1")
def test_another_market_has_rows_of_its_own(requester: Requester, week: ReferenceWeek, target: Target) -> None:
    """The same window of a second market, after that of the first one."""
    first = requester.fetch_window(week.half_day)
    for market in other_markets(target):
        second = requester.fetch_or_error(replace(week.half_day.request(), market=market), week.half_day)
        if second is None or not second.rows:
            continue
        others = {item.get(second.operation.market_field) for item in second.items} - {market}
        assert not others, f"rows of {others} instead of {market}\n{second.response.curl}"
        if len(set(first.by_label.values())) < 3:
            not_shown("the values of the first market hardly change")
        assert second.by_label != first.by_label, f"the rows of {target.market}\n{second.response.curl}"
        return
    not_shown("no second market has rows in the week", "--other-market")

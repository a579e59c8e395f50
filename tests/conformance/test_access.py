"""Who may ask, and for what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import questions
from conformance.account import Tally
from conformance.ask import WRONG_KEYS, Asker
from conformance.history import History
from conformance.target import Target


@pytest.mark.clause("access.key-needed-1", "access.key-kind-1", "access.key-place-1", "access.key-name-1")
class TestKey:
    """security: - APIKeyBearer: []

    A key of type: apiKey, in: header, name: X-API-KEY
    """

    def test_the_right_key_opens(self, asker: Asker, history: History, tally: Tally) -> None:
        tally.saw(asker.accepted(questions.sound(history.start)))
        tally.shown(1)

    def test_no_key_is_refused(self, asker: Asker, history: History) -> None:
        asker.refused(replace(questions.sound(history.start), key=None), (401, 403))

    @pytest.mark.parametrize("name", WRONG_KEYS)
    def test_a_wrong_key_is_refused(self, asker: Asker, history: History, name: str) -> None:
        asker.refused(replace(questions.sound(history.start), key=name), (401, 403))


@pytest.mark.clause("market.perpetual-only-1", "market.slug-1")
class TestMarkets:
    """Perp markets only. Canonical market slug, {venue}:{instrument_type}:{pair}."""

    def test_a_market_of_another_kind_is_refused(self, asker: Asker, history: History, target: Target) -> None:
        if target.non_perp_market is None:
            pytest.skip("needs --non-perp-market")
        asker.refused(replace(questions.sound(history.start), market=target.non_perp_market))

    @pytest.mark.parametrize("market", questions.NO_SUCH_MARKETS)
    def test_a_market_that_does_not_exist_is_refused(self, asker: Asker, history: History, market: str) -> None:
        asker.refused(replace(questions.sound(history.start), market=market))

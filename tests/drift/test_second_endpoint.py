"""A second endpoint of the client is judged like the first: what its page changes, and what that breaks."""

from __future__ import annotations

import pytest

from allium_market_data.drift.impact import client_requests
from allium_market_data.drift.judge import judge
from allium_market_data.drift.model import Effect, Level
from allium_market_data.drift.source import Source
from allium_market_data.model.endpoint import OPEN_INTEREST
from support.funding_rates import FUNDING_RATES, PAGES

PAGE = PAGES[1].read_text(encoding="utf-8")


def judged(*edits: tuple[str, str]) -> tuple[Level, set[Effect | None]]:
    """The verdict on an edit of the page of funding rates, beside the published page, and the effects."""
    text = PAGE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    published = (PAGES[0].name, PAGES[0].read_bytes())
    before, after = (Source.of_bytes([published, (PAGES[1].name, page.encode())]) for page in (PAGE, text))
    judgement = judge(before, after)
    return judgement.verdict, {change.effect for change in judgement.changes if change.level is Level.BREAKING}


@pytest.mark.parametrize(
    ("edits", "effects"),
    [
        (
            [("        funding_rate:\n", "        rate:\n"), ("        - funding_rate\n", "        - rate\n")],
            {Effect.DECODING},
        ),
        ([("maximum: 1000", "maximum: 500")], {Effect.PLANNER}),
        ([("        - name: limit\n", "        - name: rows\n")], {Effect.PLANNER}),
    ],
)
def test_a_change_of_a_second_endpoint_breaks_its_client(
    monkeypatch: pytest.MonkeyPatch, edits: list[tuple[str, str]], effects: set[Effect]
) -> None:
    monkeypatch.setattr(client_requests, "ENDPOINTS", (OPEN_INTEREST, FUNDING_RATES))
    assert judged(*edits) == (Level.BREAKING, effects)


def test_a_change_of_an_endpoint_that_is_not_called_is_harmless() -> None:
    assert judged(("maximum: 1000", "maximum: 500")) == (Level.BREAKING, {Effect.HARMLESS})

"""Random examples: reproducible, replayable, and within the reference week."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import strategies as st

from allium_market_data.model.intervals import DAY, WIDTHS
from allium_market_data.sandbox.readings import Reading
from allium_market_data_wire.contract import OPEN_INTEREST
from conformance import times
from conformance.internals.correct_server import fetch
from conformance.random_examples import RandomExamples, limits, spellings, windows
from conformance.reference_week import ReferenceWeek
from conformance.request import Window
from conformance.response import Page

START = times.parse("2026-04-28T00:00:00Z")


class Requester:
    """Answers with a row in each bucket, of the sandbox's correct endpoint, without a server."""

    operation = OPEN_INTEREST

    def fetch_window(self, window: Window) -> Page:
        return fetch(Reading(), window.interval, window.start, window.end)


WEEK = ReferenceWeek(cast("Any", Requester()), START + 3 * DAY)


def draw(examples: RandomExamples, strategy: st.SearchStrategy[Any], count: int = 20) -> list[Any]:
    drawn: list[Any] = []
    examples.check_each("a check", count, strategy, drawn.append)
    return drawn


def test_a_seed_determines_the_examples() -> None:
    strategy = windows(WEEK, aligned=False)
    first = draw(RandomExamples(1), strategy)
    assert len(first) == 20
    assert draw(RandomExamples(1), strategy) == first
    assert draw(RandomExamples(2), strategy) != first


def test_a_replay_uses_the_recorded_examples() -> None:
    examples = RandomExamples(1)
    first = draw(examples, spellings)
    recorded = json.loads(json.dumps(examples.drawn))
    again = draw(RandomExamples(recorded=recorded), spellings)
    assert json.dumps(again) == json.dumps(first)


@pytest.mark.parametrize("aligned", [True, False])
def test_windows_lie_in_the_week_and_hold_whole_buckets(aligned: bool) -> None:
    for interval, start, end in draw(RandomExamples(3), windows(WEEK, aligned), 100):
        assert START <= start < end <= START + 7 * DAY
        assert end - start >= 2 * WIDTHS[interval]
        assert (start % WIDTHS[interval] == 0 and end % WIDTHS[interval] == 0) == aligned


def test_limits_are_two_or_more() -> None:
    assert min(limit for _, limit in draw(RandomExamples(4), limits(WEEK), 100)) == 2


def test_a_failing_example_is_reported_without_shrinking() -> None:
    checked: list[Any] = []

    def check(example: tuple[Any, ...]) -> None:
        checked.append(example)
        assert len(checked) < 3, "broken"

    with pytest.raises(AssertionError, match="broken"):
        RandomExamples(5).check_each("a check", 50, limits(WEEK), check)
    assert len(set(checked)) <= 3

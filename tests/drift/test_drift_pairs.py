"""Pairs of small documents, one change each: breaks are called breaking, and hardly anything else is."""

from __future__ import annotations

from functools import cache

import pytest
from drift.pairs import PAIRS, Pair

from allium_market_data.drift.compare import compare
from allium_market_data.drift.model import Level


@cache
def verdict(number: int) -> str:
    pair = PAIRS[number]
    return str(max((change.level for change in compare(pair.old, pair.new)), default=Level.NONE))


def name(value: object) -> str | None:
    return PAIRS[value].name if isinstance(value, int) else None


def test_there_are_enough_of_both_kinds() -> None:
    assert len(PAIRS) >= 60
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)
    assert sum(pair.verdict == "breaking" for pair in PAIRS) >= 40


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=name)
def test_a_pair_is_judged_right(number: int) -> None:
    pair: Pair = PAIRS[number]
    assert verdict(number) == pair.verdict, compare(pair.old, pair.new)


def test_breaks_are_called_breaking() -> None:
    judged = [verdict(number) for number, pair in enumerate(PAIRS) if pair.verdict == "breaking"]
    assert judged.count("breaking") / len(judged) >= 0.95


def test_hardly_anything_else_is() -> None:
    judged = [verdict(number) for number, pair in enumerate(PAIRS) if pair.verdict != "breaking"]
    assert judged.count("breaking") / len(judged) <= 0.05

"""Pairs of small documents, one change each: breaks are called breaking, and hardly anything else is."""

from __future__ import annotations

from allium_market_data.drift.model import Level
from drift.expected_findings import FILE, findings, lines
from drift.pairs import PAIRS, Pair


def verdict(pair: Pair) -> str:
    return str(max((finding.change.level for finding in findings(pair)), default=Level.NONE))


JUDGED = {pair: verdict(pair) for pair in PAIRS}


def test_there_are_enough_of_both_kinds() -> None:
    assert len(PAIRS) >= 60
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)
    assert sum(pair.verdict == "breaking" for pair in PAIRS) >= 40


def test_every_pair_is_judged_right() -> None:
    assert {pair.name: verdict for pair, verdict in JUDGED.items() if verdict != pair.verdict} == {}


def test_breaks_are_called_breaking() -> None:
    judged = [verdict for pair, verdict in JUDGED.items() if pair.verdict == "breaking"]
    assert judged.count("breaking") / len(judged) >= 0.95


def test_hardly_anything_else_is() -> None:
    judged = [verdict for pair, verdict in JUDGED.items() if pair.verdict != "breaking"]
    assert judged.count("breaking") / len(judged) <= 0.05


def test_the_findings_of_each_pair_are_the_recorded_ones() -> None:
    assert list(lines()) == FILE.read_text().splitlines()

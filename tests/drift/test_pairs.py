"""Pairs of small documents with one change each: their verdicts and their findings."""

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


def test_every_pair_gets_its_verdict() -> None:
    assert {pair.name: verdict for pair, verdict in JUDGED.items() if verdict != pair.verdict} == {}


def test_the_findings_of_each_pair_are_the_recorded_ones() -> None:
    assert list(lines()) == FILE.read_text().splitlines()

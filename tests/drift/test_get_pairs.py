"""Changes of a GET operation: how many of the breaking ones are called breaking, and how many of the fine ones are."""

from __future__ import annotations

from allium_market_data.drift.diff.documents import compare_documents
from allium_market_data.drift.model import Level
from drift.get_pairs import BREAKING, FALSE_ALARMS, FINE, MISSED, Row, document


def called_breaking(table: list[Row]) -> dict[str, bool]:
    found = {}
    for name, part, old, new in table:
        findings = compare_documents(document(part, old), document(part, new))
        found[name] = any(finding.change.level is Level.BREAKING for finding in findings)
    assert len(found) == len(table)
    return found


def test_breaking_pairs_are_called_breaking() -> None:
    judged = called_breaking(BREAKING)
    assert len(judged) >= 80
    assert {name for name, is_breaking in judged.items() if not is_breaking} == MISSED.keys()
    assert len(MISSED) <= len(judged) / 10


def test_fine_pairs_raise_few_false_alarms() -> None:
    judged = called_breaking(FINE)
    assert len(judged) >= 60
    assert {name for name, is_breaking in judged.items() if is_breaking} == FALSE_ALARMS.keys()
    assert len(FALSE_ALARMS) <= len(judged) / 5

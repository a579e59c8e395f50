"""The text of every row of the run."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import times
from conformance.account import Tally
from conformance.answers import Answer, decimal
from conformance.document import Document


def texts(answers: list[Answer], name: str, tally: Tally) -> set[Any]:
    """Every value of a field, whatever it is, and enough of them."""
    found = {repr(item.get(name)): item.get(name) for answer in answers for item in answer.items}
    assert len(found) >= 100, f"not shown: {tally.property}: saw {len(found)} different values of {name}, needs 100"
    return set(map(str, found.values())) if all(isinstance(value, str) for value in found.values()) else {*found}


@pytest.mark.clause("row.ts-iso-8601-1", "row.ts-example-1")
def test_ts_is_iso_8601_with_an_offset(answers: list[Answer], document: Document, tally: Tally) -> None:
    """ISO 8601 timestamp at the bucket boundary. examples: - '2026-05-01T01:00:00.000000+00:00'"""
    for example in document.row["properties"]["ts"]["examples"]:
        times.parse(example)
    for text in texts(answers, "ts", tally):
        times.parse(text)


@pytest.mark.clause(
    "row.oi-base-unit-1", "row.oi-base-example-1", "row.oi-quote-usd-unit-1", "row.oi-quote-usd-example-1"
)
@pytest.mark.parametrize("name", ["oi_base", "oi_quote_usd"])
def test_an_amount_is_a_plain_decimal(answers: list[Answer], document: Document, tally: Tally, name: str) -> None:
    """Open interest in base-asset units. Open interest in USD notional.

    examples:
      - '12483.50'

    examples:
      - '1308734500.00'
    """
    for example in document.row["properties"][name]["examples"]:
        decimal(example)
    for text in texts(answers, name, tally):
        value = decimal(text)
        assert value.is_finite()
        assert value >= 0

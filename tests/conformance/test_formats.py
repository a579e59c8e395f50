"""How the values of every row of the run are written."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import times
from conformance.document import Document
from conformance.response import Page, parse_decimal
from conformance.sample_size import SampleSize


def values_of(pages: list[Page], field: str, sample: SampleSize) -> set[Any]:
    """All values of a field, whatever their type. Fails as inconclusive if there are too few."""
    values = {repr(item.get(field)): item.get(field) for page in pages for item in page.items}
    if len(values) < 100:
        pytest.fail(f"inconclusive: {sample.test}: {len(values)} values of {field}, needs 100", pytrace=False)
    return set(values.values()) if all(isinstance(value, str) for value in values.values()) else set(values)


@pytest.mark.clause("row.ts-iso-8601-1", "row.ts-example-1")
def test_ts_is_iso_8601_with_an_offset(pages: list[Page], document: Document, sample: SampleSize) -> None:
    """ISO 8601 timestamp at the bucket boundary. examples: - '2026-05-01T01:00:00.000000+00:00'"""
    for example in document.row["properties"]["ts"]["examples"]:
        times.parse(example)
    for value in values_of(pages, "ts", sample):
        times.parse(value)


@pytest.mark.clause(
    "row.oi-base-unit-1", "row.oi-base-example-1", "row.oi-quote-usd-unit-1", "row.oi-quote-usd-example-1"
)
@pytest.mark.parametrize("field", ["oi_base", "oi_quote_usd"])
def test_an_amount_is_a_plain_decimal(pages: list[Page], document: Document, sample: SampleSize, field: str) -> None:
    """Open interest in base-asset units. Open interest in USD notional.

    examples:
      - '12483.50'

    examples:
      - '1308734500.00'
    """
    for example in document.row["properties"][field]["examples"]:
        parse_decimal(example)
    for value in values_of(pages, field, sample):
        parse_decimal(value)

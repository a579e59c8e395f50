"""How the values of every row of the run are written."""

from __future__ import annotations

from typing import Any

import pytest

from allium_market_data_wire.contract import DecimalField
from conformance import times
from conformance.document import Document
from conformance.requester import Requester
from conformance.response import Page, parse_decimal
from conformance.sample_size import SampleSize


def values_of(pages: list[Page], field: str, sample: SampleSize) -> set[Any]:
    """All values of a field, whatever their type."""
    values = {repr(item.get(field)): item.get(field) for page in pages for item in sample.add(page).items}
    return set(values.values()) if all(isinstance(value, str | int) for value in values.values()) else set(values)


@pytest.mark.clause("row.ts-iso-8601-1", "row.ts-example-1")
def test_a_timestamp_has_the_documented_format(
    pages: list[Page], requester: Requester, document: Document, sample: SampleSize
) -> None:
    """The timestamp of every row, and the example in the document."""
    operation = requester.operation
    parse = times.PARSERS[operation.timestamp_format]
    for example in document.row(operation.items_field)["properties"][operation.timestamp_field].get("examples", []):
        parse(example)
    for value in values_of(pages, operation.timestamp_field, sample):
        parse(value)
    sample.require(3, rows=30)


@pytest.mark.clause(
    "row.oi-base-unit-1", "row.oi-base-example-1", "row.oi-quote-usd-unit-1", "row.oi-quote-usd-example-1"
)
def test_an_amount_is_a_plain_decimal(
    pages: list[Page], requester: Requester, document: Document, sample: SampleSize, decimal: DecimalField
) -> None:
    """The decimals of every row, and the example in the document: without exponent, separators and plus."""
    row = document.row(requester.operation.items_field)
    for example in row["properties"][decimal.name].get("examples", []):
        parse_decimal(example, decimal.is_signed)
    for value in values_of(pages, decimal.name, sample):
        parse_decimal(value, decimal.is_signed)
    sample.require(3, rows=30)

"""Responses are classified as the reading that they follow, or as undetermined."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import DAY, HOUR, MINUTE
from allium_market_data.sandbox.readings import Reading
from conformance import classification
from conformance.internals.correct_server import PLAIN_ORDER_READINGS, SPAN, fetch, labelling_of
from conformance.response import Response
from support.strategies import AROUND

NOON = AROUND + 12 * HOUR


@pytest.mark.parametrize("reading", PLAIN_ORDER_READINGS, ids=str)
def test_the_classification_is_the_reading_of_the_server_or_undetermined(reading: Reading) -> None:
    labelling = labelling_of(reading)
    days, hours = fetch(reading, "1d", *SPAN).by_label, fetch(reading, "1h", *SPAN).by_label
    part = max(value for label, value in hours.items() if labelling.bucket(label, HOUR) < NOON)
    whole = days[labelling.label(AROUND, DAY)]
    cut = classification.cut(fetch(reading, "1d", AROUND - DAY, NOON), AROUND, whole, part, labelling)
    assert cut == f"cut-{reading.cut}"

    is_carried = reading.empty == "carried"
    minutes = fetch(reading, "1m", *SPAN).by_label
    assert classification.empty_bucket(minutes, MINUTE) == ("carry-forward" if is_carried else "omit-empty")

    reference = fetch(reading, "5m", *SPAN).by_label
    pages = [fetch(reading, "5m", AROUND, label) for label in list(reference)[50:56]]
    end = classification.end_of_window(pages, reference, labelling, cut, is_carried)
    assert end in {f"end-{'inclusive' if reading.end_inclusive else 'exclusive'}", "undetermined"}

    first = classification.first_bucket(fetch(reading, "1d", NOON, SPAN[1]), AROUND, labelling)
    is_returned = reading.start_bucket or reading.cut == "samples"
    expected = "start-bucket" if is_returned else "first-boundary"
    assert first == (expected if reading.label == "start" else "undetermined")


def test_the_order_is_classified() -> None:
    ascending = fetch(Reading(), "15m", *SPAN)
    descending = fetch(Reading(order="descending"), "15m", *SPAN)
    assert classification.order([ascending]) == "ascending"
    assert classification.order([descending]) == "descending"
    assert classification.order([ascending, descending]) == "ascending and descending"
    assert classification.order([]) == "undetermined"


@pytest.mark.parametrize(
    ("body", "media_type", "name"),
    [
        (b"", "text/plain", "error-empty"),
        (b"no", "text/plain; charset=utf-8", "error-plain-text"),
        (b"{}", "application/problem+json", "error-problem-json"),
        (b'{"detail": []}', "application/json", "error-detail"),
        (b'{"error": 1}', "application/json", "application/json ['error']"),
        (b"<html>", "text/html", "text/html"),
    ],
)
def test_the_body_of_an_error_is_classified(body: bytes, media_type: str, name: str) -> None:
    assert classification.error_body([Response(422, {"content-type": media_type}, body, "curl")]) == name


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ([], "undetermined"),
        (["1.50", "2", "3.00", "0.000000000000000001"], "decimals-plain"),
        (["1.5", "2", "3"], "decimals-integer"),
        (["1.5000", "2.000"], "decimals-trailing-zeros"),
        (["1." + "5" * 18, "2." + "0" * 20], "decimals-18"),
    ],
)
def test_the_text_of_decimals_is_classified(texts: list[str], name: str) -> None:
    assert classification.decimal_text(texts) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2026-05-01T01:00:00.000000+00:00", "ts-offset"),
        ("2026-05-01T01:00:00Z", "ts-z"),
        ("2026-05-01T01:00:00.000Z", "0000-00-00T00:00:00.000Z"),
    ],
)
def test_the_text_of_timestamps_is_classified(text: str, name: str) -> None:
    assert classification.ts_text([classification.shape(text)]) == name

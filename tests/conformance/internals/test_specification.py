"""The suite reads the document, the clauses, its own tests and its expected failures correctly."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest

from allium_market_data_wire.contract import OPEN_INTEREST
from conformance import expected_failures, inventory
from conformance.clauses import collapse_whitespace
from conformance.document import ROOT, BodyValidator, Document
from conformance.request import wire_names
from conformance.response import fields

DOCUMENT = Document.load(OPEN_INTEREST)
ROW = {"market_id": "m", "ts": "t", "oi_base": "1", "oi_quote_usd": "2"}


def test_the_digest_is_that_of_the_lock_file() -> None:
    assert DOCUMENT.digest == tomllib.loads((ROOT / "spec/lock.toml").read_text())["documents"]["merged"]


def test_the_document_has_the_parameters_and_fields_of_the_contract() -> None:
    names = [OPEN_INTEREST.market_parameter, *filter(None, wire_names(OPEN_INTEREST).values())]
    assert list(DOCUMENT.parameters) == names
    assert set(DOCUMENT.row(OPEN_INTEREST.items_field)["properties"]) == fields(OPEN_INTEREST)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], "is not of type 'object'"),
        ({}, "'items' is a required property"),
        ({"items": None}, "is not of type 'array'"),
        ({"items": [[]]}, "is not of type 'object'"),
        ({"items": [ROW, {**ROW, "ts": 1}]}, "is not of type 'string'"),
        ({"items": [{"market_id": "m", "ts": "t", "oi_base": "1"}]}, "'oi_quote_usd' is a required property"),
    ],
)
def test_an_invalid_body_is_reported_each_time(body: Any, error: str) -> None:
    validator = BodyValidator(DOCUMENT, OPEN_INTEREST.items_field)
    assert validator.errors({"items": [ROW], "more": 1}) == []
    for _ in range(2):
        assert any(error in message for message in validator.errors(body))


def test_the_inventory_has_each_test_with_its_marks_and_docstrings() -> None:
    source = '''
@pytest.mark.clause("a-1")
class TestThis:
    """One."""
    @pytest.mark.clause("b-1", "c-1")
    def test_that(self):
        """Two."""
    def helper(self): ...
@pytest.mark.open_question("q")
def test_alone(): ...
'''
    method, function = inventory.tests_in(source, "test_x.py")
    assert method.name == "test_x.py::TestThis::test_that"
    assert method.clauses == ("a-1", "b-1", "c-1")
    assert collapse_whitespace(method.docstring) == "One. Two."
    assert (function.name, function.open_questions) == ("test_x.py::test_alone", ("q",))


def test_an_expected_failure_matches_a_test_or_one_of_its_cases() -> None:
    text = '[[expected_failure]]\ntest = "{}"\nreason = "why"\ndate = 2026-05-01\n'
    (failure,) = expected_failures.parse(text.format("test_x.py::TestY::test_z"))
    assert (failure.reason, failure.date) == ("why", dt.date(2026, 5, 1))
    assert failure.matches("tests/conformance/test_x.py::TestY::test_z")
    assert failure.matches("tests/conformance/test_x.py::TestY::test_z[1m]")
    assert not failure.matches("tests/conformance/test_x.py::TestY::test_zz")
    (case,) = expected_failures.parse(text.format("test_x.py::TestY::test_z[1m]"))
    assert case.matches("tests/conformance/test_x.py::TestY::test_z[1m]")
    assert not case.matches("tests/conformance/test_x.py::TestY::test_z[5m]")
    assert expected_failures.parse("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[expected_failure]]\ntest = "t"\nreason = "r"', "exactly the keys"),
        ('[[expected_failure]]\ntest = "t"\nreason = " "\ndate = 2026-05-01', "needs a reason"),
        ('[[expected_failure]]\ntest = "t"\nreason = "r"\ndate = "2026-05-01"', "a date such as"),
        ('[[expected_failure]]\ntest = "t"\nreason = "r"\ndate = 2026-05-01\nmore = 1', "exactly the keys"),
        ('[[xfail]]\ntest = "t"', "unknown key xfail"),
    ],
)
def test_an_expected_failure_needs_a_test_a_reason_and_a_date(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expected_failures.parse(text)

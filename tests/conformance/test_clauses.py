"""The suite tests every clause and every open question, and each test is about one of them."""

from __future__ import annotations

from typing import Final

from conformance import expected_failures, inventory
from conformance.clauses import Clauses

SUITE: Final = inventory.suite()
SPECIFICATION: Final = Clauses.load()


def test_every_clause_has_a_test() -> None:
    tested = {clause for test in SUITE for clause in test.clauses}
    assert SPECIFICATION.clauses.keys() - tested == set()
    assert tested - SPECIFICATION.clauses.keys() == set()


def test_every_open_question_has_a_test() -> None:
    tested = {question for test in SUITE for question in test.open_questions}
    assert tested == set(SPECIFICATION.open_questions)


def test_every_test_is_marked_with_a_clause_or_an_open_question() -> None:
    assert [test.name for test in SUITE if not (test.clauses or test.open_questions)] == []


def test_every_expected_failure_names_a_test() -> None:
    names = {test.name for test in SUITE}
    paths = sorted(expected_failures.FOLDER.glob(f"*{expected_failures.SUFFIX}"))
    failures = [failure for path in paths for failure in expected_failures.parse(path.read_text(encoding="utf-8"))]
    assert [failure.test for failure in failures if failure.test.partition("[")[0] not in names] == []

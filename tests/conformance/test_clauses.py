"""The suite has a test for every clause and for every open question, and each test says which."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from conformance import census, xfails
from conformance.census import Case
from conformance.document import Clauses, folded

SUITE: Final = census.suite()
CLAUSES: Final = Clauses.load()


@pytest.mark.parametrize("clause", CLAUSES.clauses)
def test_every_clause_has_a_test(clause: str) -> None:
    assert [case.name for case in SUITE if clause in case.clauses], f"no test is marked with {clause}"


@pytest.mark.parametrize("question", CLAUSES.questions)
def test_every_open_question_has_a_test(question: str) -> None:
    assert [case.name for case in SUITE if question in case.questions], f"no test finds out about {question}"


@pytest.mark.parametrize("case", SUITE, ids=lambda case: case.name)
def test_a_test_says_which_sentence_it_is_about(case: Case) -> None:
    assert case.clauses or case.questions, "neither marked with a clause nor with an open question"
    quotes = [CLAUSES.clauses[clause].quote for clause in case.clauses]
    quotes += [CLAUSES.questions[question].question for question in case.questions]
    missing = [quote for quote in map(folded, quotes) if quote not in folded(case.said)]
    assert not missing, "its docstring, and that of its class, leave out words of the specification"


@pytest.mark.parametrize("path", sorted(xfails.FOLDER.glob("*.xfails.toml")), ids=lambda path: path.name)
def test_an_expected_failure_names_a_test(path: Path) -> None:
    names = {case.name for case in SUITE}
    entries = xfails.read(path.read_text(encoding="utf-8"))
    assert [entry.test for entry in entries if entry.test.partition("[")[0] not in names] == []

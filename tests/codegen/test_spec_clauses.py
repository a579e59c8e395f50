"""Every clause is quoted from the page, and everything normative in the page is quoted by a clause."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from allium_market_data.codegen.clauses import (
    INFO,
    Entry,
    Published,
    folded,
    read_clauses,
    read_entries,
    stated,
    unquoted,
)
from allium_market_data.codegen.document import merge
from allium_market_data.codegen.page import read
from allium_market_data.errors import SpecError
from allium_market_data.sandbox.readings import READINGS

ROOT = Path(__file__).parents[2]
CLAUSES = tomllib.loads((ROOT / "spec/clauses.toml").read_text())
PAGES = [read(path.name, path.read_bytes()) for path in sorted((ROOT / "spec/upstream").glob("*.md"))]
DOCUMENT = merge(part for page in PAGES for part in page.parts)
ENTRIES = read_entries((ROOT / "spec/clauses.toml").read_text())
IDS = [clause["id"] for clause in CLAUSES["clause"]]


PUBLISHED = Published(PAGES, DOCUMENT)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_quote_is_at_its_place(entry: Entry) -> None:
    assert stated(entry, PUBLISHED)


def test_everything_in_the_page_is_quoted() -> None:
    assert list(unquoted(ENTRIES, PUBLISHED)) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_without_an_entry_something_is_unquoted(entry: Entry) -> None:
    rest = [other for other in ENTRIES if other is not entry]
    if entry.place != INFO and folded(entry.quote) not in {
        folded(other.quote) for other in rest if other.place == entry.place
    }:
        assert list(unquoted(rest, PUBLISHED))


def test_a_quote_at_the_wrong_place_is_noticed() -> None:
    wrong = [
        Entry("a", place, "type: date") for place in ("/components/schemas/OpenInterest", "/nowhere", "prose", "info")
    ]
    assert [stated(entry, PUBLISHED) for entry in wrong] == [False] * 4


def test_ids_are_unique_and_well_formed() -> None:
    assert len(set(IDS)) == len(IDS)
    assert [found for found in IDS if not re.fullmatch(r"[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*)-[0-9]+", found)] == []


def test_entries_have_the_required_keys_only() -> None:
    assert set(CLAUSES) == {"clause", "not_normative", "open_question"}
    assert all(
        {"id", "stands", "quote"} <= set(entry) <= {"id", "stands", "quote", "decision"} for entry in CLAUSES["clause"]
    )
    assert all(set(entry) == {"stands", "quote", "why"} for entry in CLAUSES["not_normative"])
    assert all(entry.get("decision", "x").strip() for entry in CLAUSES["clause"])


def test_open_questions_name_clauses_and_at_least_two_readings() -> None:
    questions = CLAUSES["open_question"]
    assert len({question["id"] for question in questions}) == len(questions) == 14
    for question in questions:
        assert set(question) == {"id", "question", "clauses", "plain", "readings"}
        assert set(question["clauses"]) <= set(IDS), question["id"]
        assert question["plain"] in question["readings"]
        assert len(question["readings"]) >= 2


def test_readings_are_those_of_the_sandbox() -> None:
    questions = CLAUSES["open_question"]
    names = list(chain.from_iterable(question["readings"] for question in questions))
    assert len(set(names)) == len(names)
    assert set(names) - {question["plain"] for question in questions} == set(READINGS)


@pytest.mark.parametrize(
    "text",
    [
        "clause = 1",
        "[[clause]]\nid = 'a'",
        "[[clause]]\nid = 1\nstands = ''\nquote = ''",
        "clause =",
        "[[not_normative]]\nquote = ''",
    ],
)
def test_invalid_clauses_are_errors(text: str) -> None:
    with pytest.raises(SpecError, match=r"clauses\.toml"):
        read_entries(text)


def test_clauses_are_read() -> None:
    text = "[[clause]]\nid = 'a.b-1'\nstands = 'prose'\nquote = 'x'\ndecision = 'y'\n"
    assert read_clauses(text) == (Entry("a.b-1", "prose", "x"),)
    assert read_clauses("") == ()

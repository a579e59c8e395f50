"""Every clause is quoted from the page, and everything normative in the page is quoted by a clause."""

import re
import textwrap
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen.canonical import join, resolve, same
from allium_market_data.codegen.document import merge
from allium_market_data.codegen.fences import fences
from allium_market_data.codegen.page import METHODS, read
from allium_market_data.codegen.yaml_syntax import parse
from allium_market_data.sandbox.readings import READINGS

ROOT = Path(__file__).parents[2]
CLAUSES = tomllib.loads((ROOT / "spec/clauses.toml").read_text())
PAGES = [read(path.name, path.read_bytes()) for path in sorted((ROOT / "spec/upstream").glob("*.md"))]
DOCUMENT = merge(part for page in PAGES for part in page.parts)
QUOTES = [*CLAUSES["clause"], *CLAUSES["not_normative"]]
IDS = [clause["id"] for clause in CLAUSES["clause"]]


def folded(text: str) -> str:
    return " ".join(text.split())


def name(entry: dict[str, str]) -> str:
    return entry.get("id", entry["quote"][:40])


def contains(value: Any, quoted: Any) -> bool:
    """Whether a mapping holds what a quote of it says; a bare key stands for itself."""
    if isinstance(quoted, dict) and isinstance(value, dict):
        return all(key in value and (item is None or contains(value[key], item)) for key, item in quoted.items())
    return same(value, quoted)


def quoted(entry: dict[str, str]) -> Any:
    return parse(textwrap.dedent(entry["quote"]).strip(), where=name(entry))


@pytest.mark.parametrize("entry", QUOTES, ids=name)
def test_quote_is_in_the_page(entry: dict[str, str]) -> None:
    assert any(folded(entry["quote"]) in folded(page.text) for page in PAGES)


@pytest.mark.parametrize("entry", QUOTES, ids=name)
def test_quote_is_at_its_pointer(entry: dict[str, str]) -> None:
    match entry["stands"]:
        case "prose":
            assert any(folded(entry["quote"]) in folded(page.prose) for page in PAGES)
        case "info":
            assert any(entry["quote"] in block.info for page in PAGES for block in fences(page.text))
        case pointer:
            value = resolve(DOCUMENT, pointer)
            if isinstance(value, str):
                assert folded(entry["quote"]) in folded(value)
            else:
                assert contains(value, quoted(entry))


def texts(value: Any, pointer: str = "") -> Iterator[str]:
    """The pointers of all descriptions."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "description" and isinstance(item, str):
                yield join(pointer, key)
            else:
                yield from texts(item, join(pointer, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from texts(item, join(pointer, at))


def leaves(value: Any, pointer: str = "") -> Iterator[str]:
    """The pointers of all that is stated beside descriptions: single values, and lists of them."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "description" or not isinstance(item, str):
                yield from leaves(item, join(pointer, key))
    elif isinstance(value, list) and any(isinstance(item, dict) and "$ref" not in item for item in value):
        for at, item in enumerate(value):
            yield from leaves(item, join(pointer, at))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from (join(pointer, at, "$ref") for at in range(len(value)))
    else:
        yield pointer


def covered() -> set[str]:
    places: set[str] = set()
    for entry in QUOTES:
        pointer = entry["stands"]
        if pointer in {"prose", "info"} or isinstance(resolve(DOCUMENT, pointer), str):
            continue
        places |= {pointer + place for place in leaves(quoted(entry))}
    return places


def remaining(text: str, quotes: list[str]) -> str:
    for quote in sorted(quotes, key=len, reverse=True):
        text = text.replace(folded(quote), " \x00 ", 1)
    return re.sub(r"[\s\x00]", "", text)


@pytest.mark.parametrize("pointer", list(texts(DOCUMENT)))
def test_every_word_of_a_description_is_quoted(pointer: str) -> None:
    quotes = [entry["quote"] for entry in QUOTES if entry["stands"] == pointer]
    assert re.sub(r"[.,;()]", "", remaining(folded(resolve(DOCUMENT, pointer)), quotes)) == ""


@pytest.mark.parametrize("pointer", list(leaves(DOCUMENT)))
def test_every_constraint_of_the_document_is_quoted(pointer: str) -> None:
    assert pointer in covered()


def keys() -> Iterator[str]:
    """Paths, methods, statuses and media types: keys that state something by being there."""
    for path, item in DOCUMENT["paths"].items():
        yield join("/paths", path)
        for method in [key for key in item if key in METHODS]:
            yield join("/paths", path, method)
            for status, response in item[method]["responses"].items():
                place = join("/paths", path, method, "responses", status)
                yield place
                yield from (join(place, "content", media) for media in response.get("content", {}))


@pytest.mark.parametrize("pointer", list(keys()))
def test_every_path_method_status_and_media_type_is_quoted(pointer: str) -> None:
    assert pointer in covered()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_word_of_the_prose_is_quoted(page: Any) -> None:
    prose = folded(re.sub(r"</?(Warning|Note)>", " ", page.prose))
    quotes = [entry["quote"] for entry in QUOTES if entry["stands"] == "prose"]
    # What stays is the punctuation between two quotes: of a block quote, and of "A, so B".
    assert re.sub(r"[>.,]|so", "", remaining(prose, quotes)) == ""


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
    assert len({question["id"] for question in questions}) == len(questions) == 12
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

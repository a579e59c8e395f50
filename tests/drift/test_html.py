"""The HTML report: it shows the whole result, and text from upstream never becomes markup."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.drift import Change, Judgement, Level
from allium_market_data.drift.model import Acceptance, Effect, Example, Names, StaleAcceptance
from allium_market_data.drift.report.html import html, sides, unchecked
from allium_market_data.drift.result import Behaviour, CheckResult, Sightings
from drift.results import CHECKED_AT, full_result, result_of_level

HOSTILE = """</pre></style></script><script>alert(1)</script><img src=x onerror=alert(1)>" ' onclick="a()" {{ 7 * 7 }} -->&lt;"""
ANYTHING = st.text(max_size=40) | st.sampled_from(
    [HOSTILE, "<!--", "]]>", "&amp", "\u202eabc", "\x00", "\ud800", "\ufffe", "\U0010ffff", "\xa0", "\r\n", ""]
)
DATA = st.none() | st.booleans() | st.integers() | ANYTHING | st.lists(ANYTHING, max_size=5)


def parsed(page: str) -> Element:
    """The page as a tree; an HTML error fails the test."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return tree


def shape(tree: Element) -> list[tuple[str, list[str]]]:
    """The elements with the names of their attributes, without the marks of differences."""
    return [(str(element.tag), sorted(element.attrib)) for element in tree.iter() if element.tag not in ("ins", "del")]


def text_of(element: Element) -> str:
    return "".join(element.itertext())


def result_with(text: str) -> CheckResult:
    """A result in which every text is this one."""
    acceptance = Acceptance(text, text, text, text)
    change = Change(
        fingerprint="0123456789ab",
        level=Level.BREAKING,
        place=text,
        where=text,
        kind=text,
        old=[text],
        new=None,
        sentence=text,
        effect=Effect.DECODING,
        operations=(f"{text} {text}x",),
        clauses=(text,),
        example=Example("request", text, text),
        nearest=f"{text}.",
        accepted=acceptance,
    )
    names = Names((text,), (text,), ((text, "a", f"b {text}"),))
    judgement = Judgement((change,), (text,), (StaleAcceptance(acceptance, text),), names)
    behaviour = Behaviour(text, text, (text,), ((text, "a", f"b {text}"),), f"{text}.")
    return CheckResult(judgement, text, text, CHECKED_AT, text, {"0123456789ab": Sightings(text, text, 2)}, behaviour)


@functools.cache
def shape_of(text: str) -> list[tuple[str, list[str]]]:
    return shape(parsed(html(result_with(text))))


def test_the_page_shows_the_whole_result() -> None:
    result = full_result(examples=True)
    tree = parsed(html(result))
    page = text_of(tree)
    assert tree.find(".//h1") is not None
    for change in result.judgement.changes:
        article = tree.find(f".//article[@id='{change.fingerprint}']")
        assert article is not None
        card = text_of(article)
        texts = [change.sentence, change.where, str(change.effect), change.kind, *change.clauses, str(change.level)]
        texts += [change.example.text, change.example.outcome] if change.example else []
        texts += [change.accepted.reason, change.accepted.until] if change.accepted else []
        for text in [*texts, "first 2026-11-21 03:17 UTC", "last 2026-11-24 03:17 UTC", "4 runs"]:
            assert text in card
        assert [link.get("href") for link in article.iter("a")] == [f"#{change.fingerprint}"]
    judgement, behaviour = result.judgement, result.behaviour
    assert judgement.names
    assert behaviour
    for text in [
        *judgement.names.added,
        *judgement.names.removed,
        *(part for change in judgement.names.changed for part in change),
        *judgement.notes,
        *(stale.why for stale in judgement.stale),
        behaviour.sentence,
        *behaviour.violations,
        *(part for reading in behaviour.changed_readings for part in reading),
        result.baseline,
        result.upstream,
    ]:
        assert text in page


@pytest.mark.parametrize("level", Level)
def test_the_heading_is_the_verdict_and_the_worst_changes_are_first(level: Level) -> None:
    result = result_of_level(level)
    tree = parsed(html(result))
    heading = tree.find(".//h1")
    assert heading is not None
    assert text_of(heading).strip() == ["No drift", "Only words", "Compatible", "Please read", "Breaking"][level]
    levels = [article.get("data-level") for article in tree.iter("article")]
    assert levels == [str(change.level) for change in result.judgement.changes]


def test_a_verdict_due_to_the_server_says_so() -> None:
    result = replace(result_of_level(Level.NONE), behaviour=Behaviour("server-changed", "It moved.", violations=("x",)))
    page = text_of(parsed(html(result)))
    assert "Breaking" in page
    assert "The verdict comes from how the server behaves" in page


def test_an_unobserved_server_does_not_look_like_no_drift() -> None:
    behaviour = Behaviour("not-observed", "The server did not answer.", failed=True)
    tree = parsed(html(replace(result_of_level(Level.DOCS), behaviour=behaviour)))
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Not checked"]
    assert "The server did not answer." in text_of(tree)
    assert [header.get("class") for header in tree.iter("header")] == ["verdict unchecked"]
    tree = parsed(html(replace(result_of_level(Level.COMPATIBLE), behaviour=behaviour)))
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Compatible"]


def test_a_failed_check_does_not_look_like_no_drift() -> None:
    tree = parsed(unchecked(f"the page is gone {HOSTILE}", CHECKED_AT, "0.1.0"))
    page = text_of(tree)
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Not checked"]
    assert f"the page is gone {HOSTILE}" in page
    assert not {"No drift", "Changes", "What was compared"} & {text_of(element).strip() for element in tree.iter()}
    assert not list(tree.iter("article"))
    assert shape(tree) == shape(parsed(unchecked("x", CHECKED_AT, "0.1.0")))


KEYWORDS = {"prose", "request", "none", "docs", "compatible", "breaking", "Before"}
"""Texts that the template compares with."""


@given(ANYTHING.filter(lambda text: text not in KEYWORDS))
def test_no_text_of_a_result_becomes_markup(text: str) -> None:
    page = html(result_with(text))
    assert page.encode()
    # Shows any additional or missing element or attribute; an empty text leaves some out.
    assert shape(parsed(page)) == shape_of("x" if text else "")


def test_markup_from_upstream_is_shown_as_text() -> None:
    tree = parsed(html(result_with(HOSTILE)))
    assert text_of(next(tree.iter("article"))).count(HOSTILE) >= 8
    assert len(list(tree.iter("script"))) == 1


def test_invisible_characters_are_shown_as_codes() -> None:
    page = html(result_with("limit\u202e5000\u200b\ud800\x00\U000e0001"))
    assert r"limit\u202e5000\u200b\ud800\x00\U000e0001" in page
    assert not set("\u202e\u200b\ud800\x00\U000e0001") & set(page)


@given(DATA, DATA)
def test_a_difference_shows_both_sides_completely(old: Any, new: Any) -> None:
    for side, value in zip(sides(old, new), (old, new), strict=True):
        text = "".join(piece.text for piece in side.pieces)
        if value is None:
            assert not side.pieces
        elif isinstance(value, str) and value.strip():
            assert text == value
        else:
            assert json.loads(text) == value


@given(DATA, DATA)
def test_equal_pieces_are_equal_on_both_sides(old: Any, new: Any) -> None:
    before, after = sides(old, new)
    if old is not None and new is not None:
        assert [piece.text for piece in before.pieces if piece.same] == [
            piece.text for piece in after.pieces if piece.same
        ]


def test_only_the_changed_number_is_marked() -> None:
    before, after = sides("capped at 7 days per request", "capped at 31 days per request")
    assert [piece.text for piece in before.pieces if not piece.same] == ["7"]
    assert [piece.text for piece in after.pieces if not piece.same] == ["31"]


def test_unlike_and_very_long_texts_differ_as_a_whole() -> None:
    for pair in [("5000", "unlimited"), ("a b " * 2000, "a b " * 2000 + "c")]:
        assert [[piece.same for piece in side.pieces] for side in sides(*pair)] == [[False], [False]]


def test_the_page_loads_nothing_and_its_policy_allows_nothing() -> None:
    page = html(full_result())
    tree = parsed(page)
    loading = {
        (str(element.tag), name, value)
        for element in tree.iter()
        for name, value in element.attrib.items()
        if name in ("src", "href", "srcset", "action", "data", "style") or name.startswith("on")
    }
    assert {value[:1] for tag, name, value in loading if tag == "a"} == {"#"}
    assert {item for item in loading if item[0] != "a"} == {("link", "href", "data:,")}
    style, script = (text_of(next(tree.iter(tag))) for tag in ("style", "script"))
    assert not re.search(r"url\(|@import|https?:", style)
    policy = next(meta.get("content", "") for meta in tree.iter("meta") if meta.get("http-equiv"))
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_ids_are_unique() -> None:
    ids = [element.get("id") for element in parsed(html(full_result())).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-11-24T03:17:05Z", "2026-11-24 03:17 UTC"),
        ("2026-11-24T03:17:05+02:00", "2026-11-24 01:17 UTC"),
        ("2026-11-24T03:17:05", "2026-11-24 03:17 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_shown_in_utc_to_the_minute(time: str, shown: str) -> None:
    assert f">{shown}</time>" in unchecked("x", time, "0.1.0")

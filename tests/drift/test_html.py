"""The report as a page: all that was found is on it, and nothing that upstream wrote becomes a part of it."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

from allium_market_data.drift import Change, Judgement, Level
from allium_market_data.drift.model import Acceptance, Effect, Example, Names, StaleAcceptance
from allium_market_data.drift.report.html import html, sides, unchecked
from allium_market_data.drift.report.report import Behaviour, Report, Seen
from drift.reports import MADE, full, of_level
from support.budget import examples

HOSTILE = """</pre></style></script><script>alert(1)</script><img src=x onerror=alert(1)>" ' onclick="a()" {{ 7 * 7 }} -->&lt;"""
ANYTHING = st.text(max_size=40) | st.sampled_from(
    [HOSTILE, "<!--", "]]>", "&amp", "\u202eabc", "\x00", "\ud800", "\ufffe", "\U0010ffff", "\xa0", "\r\n", ""]
)
DATA = st.none() | st.booleans() | st.integers() | ANYTHING | st.lists(ANYTHING, max_size=5)


def parsed(page: str) -> Element:
    """The page as a tree; any error of its HTML fails."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return tree


def shape(tree: Element) -> list[tuple[str, list[str]]]:
    """The elements with the names of their attributes, but for the marks of what differs."""
    return [(str(one.tag), sorted(one.attrib)) for one in tree.iter() if one.tag not in ("ins", "del")]


def text_of(element: Element) -> str:
    return "".join(element.itertext())


def saying(text: str) -> Report:
    """A report in which every text is this one."""
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
    return Report(judgement, text, text, MADE, text, {"0123456789ab": Seen(text, text, 2)}, behaviour)


@functools.cache
def shape_of(text: str) -> list[tuple[str, list[str]]]:
    return shape(parsed(html(saying(text))))


def test_a_page_has_all_that_was_found() -> None:
    report = full(examples=True)
    tree = parsed(html(report))
    page = text_of(tree)
    assert tree.find(".//h1") is not None
    for change in report.judgement.changes:
        article = tree.find(f".//article[@id='{change.fingerprint}']")
        assert article is not None
        card = text_of(article)
        said = [change.sentence, change.where, str(change.effect), change.kind, *change.clauses, str(change.level)]
        said += [change.example.text, change.example.outcome] if change.example else []
        said += [change.accepted.reason, change.accepted.until] if change.accepted else []
        for text in [*said, "first 2026-11-21 03:17 UTC", "last 2026-11-24 03:17 UTC", "4 runs"]:
            assert text in card
        assert [link.get("href") for link in article.iter("a")] == [f"#{change.fingerprint}"]
    judgement, behaviour = report.judgement, report.behaviour
    assert judgement.names
    assert behaviour
    for text in [
        *judgement.names.added,
        *judgement.names.removed,
        *(part for name in judgement.names.changed for part in name),
        *judgement.notes,
        *(one.why for one in judgement.stale),
        behaviour.sentence,
        *behaviour.violations,
        *(part for one in behaviour.moved for part in one),
        report.baseline,
        report.upstream,
    ]:
        assert text in page


@pytest.mark.parametrize("level", Level)
def test_the_verdict_is_the_heading_and_the_changes_stand_the_worst_first(level: Level) -> None:
    report = of_level(level)
    tree = parsed(html(report))
    heading = tree.find(".//h1")
    assert heading is not None
    assert text_of(heading).strip() == ["No drift", "Only words", "Compatible", "Breaking"][level]
    found = [article.get("data-level") for article in tree.iter("article")]
    assert found == [str(change.level) for change in report.judgement.changes]


def test_a_verdict_that_the_server_gives_says_so() -> None:
    report = replace(of_level(Level.NONE), behaviour=Behaviour("server-moved", "It moved.", violations=("x",)))
    page = text_of(parsed(html(report)))
    assert "Breaking" in page
    assert "The verdict comes from how the server behaves" in page


def test_a_server_that_could_not_be_looked_at_never_looks_like_no_drift() -> None:
    behaviour = Behaviour("could-not-look", "The server did not answer.", failed=True)
    tree = parsed(html(replace(of_level(Level.DOCS), behaviour=behaviour)))
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Not checked"]
    assert "The server did not answer." in text_of(tree)
    assert [header.get("class") for header in tree.iter("header")] == ["verdict unchecked"]
    tree = parsed(html(replace(of_level(Level.COMPATIBLE), behaviour=behaviour)))
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Compatible"]


def test_a_run_that_checked_nothing_never_looks_like_no_drift() -> None:
    tree = parsed(unchecked(f"the page is gone {HOSTILE}", MADE, "0.1.0"))
    page = text_of(tree)
    assert [text_of(heading).strip() for heading in tree.iter("h1")] == ["Not checked"]
    assert f"the page is gone {HOSTILE}" in page
    assert not {"No drift", "Changes", "What was compared"} & {text_of(one).strip() for one in tree.iter()}
    assert not list(tree.iter("article"))
    assert shape(tree) == shape(parsed(unchecked("x", MADE, "0.1.0")))


MEANT = {"prose", "request", "none", "docs", "compatible", "breaking", "Before"}
"""The words by which the page tells parts of a report apart."""


@examples(50)
@given(ANYTHING.filter(lambda text: text not in MEANT))
def test_no_text_of_a_report_becomes_a_part_of_the_page(text: str) -> None:
    page = html(saying(text))
    assert page.encode()
    # An attribute or element more, or one less, would show here; a text that is empty leaves some out.
    assert shape(parsed(page)) == shape_of("x" if text else "")


def test_markup_from_upstream_is_shown_as_it_was_written() -> None:
    tree = parsed(html(saying(HOSTILE)))
    assert text_of(next(tree.iter("article"))).count(HOSTILE) >= 8
    assert len(list(tree.iter("script"))) == 1


def test_what_cannot_be_seen_is_spelled_out() -> None:
    page = html(saying("limit\u202e5000\u200b\ud800\x00\U000e0001"))
    assert r"limit\u202e5000\u200b\ud800\u0000\U000e0001" in page
    assert not set("\u202e\u200b\ud800\x00\U000e0001") & set(page)


@settings(deadline=None)
@given(DATA, DATA)
def test_a_difference_shows_both_sides_whole(old: Any, new: Any) -> None:
    for side, value in zip(sides(old, new), (old, new), strict=True):
        text = "".join(piece.text for piece in side.pieces)
        if value is None:
            assert not side.pieces
        elif isinstance(value, str) and value.strip():
            assert text == value
        else:
            assert json.loads(text) == value


@settings(deadline=None)
@given(DATA, DATA)
def test_what_is_told_to_be_the_same_is_the_same(old: Any, new: Any) -> None:
    before, after = sides(old, new)
    if old is not None and new is not None:
        assert [piece.text for piece in before.pieces if piece.same] == [
            piece.text for piece in after.pieces if piece.same
        ]


def test_a_number_that_changed_is_marked_alone() -> None:
    before, after = sides("capped at 7 days per request", "capped at 31 days per request")
    assert [piece.text for piece in before.pieces if not piece.same] == ["7"]
    assert [piece.text for piece in after.pieces if not piece.same] == ["31"]


def test_texts_without_much_in_common_and_very_long_ones_differ_as_a_whole() -> None:
    for pair in [("5000", "unlimited"), ("a b " * 2000, "a b " * 2000 + "c")]:
        assert [[piece.same for piece in side.pieces] for side in sides(*pair)] == [[False], [False]]


def test_the_page_needs_nothing_else_and_allows_nothing_else() -> None:
    page = html(full())
    tree = parsed(page)
    loading = {
        (str(element.tag), name, value)
        for element in tree.iter()
        for name, value in element.attrib.items()
        if name in ("src", "href", "srcset", "action", "data", "style") or name.startswith("on")
    }
    assert {value[:1] for tag, name, value in loading if tag == "a"} == {"#"}
    assert {one for one in loading if one[0] != "a"} == {("link", "href", "data:,")}
    style, script = (text_of(next(tree.iter(tag))) for tag in ("style", "script"))
    assert not re.search(r"url\(|@import|https?:", style)
    policy = next(meta.get("content", "") for meta in tree.iter("meta") if meta.get("http-equiv"))
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_every_id_is_there_once() -> None:
    ids = [element.get("id") for element in parsed(html(full())).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ("2026-11-24T03:17:05Z", "2026-11-24 03:17 UTC"),
        ("2026-11-24T03:17:05+02:00", "2026-11-24 01:17 UTC"),
        ("2026-11-24T03:17:05", "2026-11-24 03:17 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_shown_in_utc_to_the_minute(made: str, shown: str) -> None:
    assert f">{shown}</time>" in unchecked("x", made, "0.1.0")

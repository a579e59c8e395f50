"""Each format: what it says, and that hostile text from upstream is shown and never obeyed."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from allium_market_data.drift.impact.behaviour import could_not_look
from allium_market_data.drift.model import Change, Example, Judgement, Level, Names
from allium_market_data.drift.report import escape, terminal
from allium_market_data.drift.report import writer as reports
from allium_market_data.drift.report.markdown import markdown
from allium_market_data.drift.report.report import Behaviour, Report, Seen
from allium_market_data.errors import OutputError
from allium_market_data.sanitize import clean
from drift.reports import full, of_level

HOSTILE = "</script><img src=x onerror=alert(1)> `` ```` [a](https://evil.example) @octocat #1 | \x1b[2J \x00 \u202e ]]> & *b*"


def hostile() -> Report:
    change = Change(
        "0123456789ab", Level.BREAKING, HOSTILE, HOSTILE, "k", HOSTILE, {HOSTILE: [HOSTILE]}, HOSTILE,
        operations=(HOSTILE,), clauses=(HOSTILE,), example=Example("response", f"{HOSTILE}\n{HOSTILE}", HOSTILE), nearest=HOSTILE,
    )  # fmt: skip
    other = replace(change, fingerprint="ba9876543210", example=None, example_note=HOSTILE)
    names = Names((HOSTILE,), (HOSTILE,), ((HOSTILE, HOSTILE, HOSTILE),))
    judgement = Judgement((change, other), (HOSTILE,), names=names)
    behaviour = Behaviour("both", HOSTILE, (HOSTILE,), ((HOSTILE, HOSTILE, HOSTILE),), HOSTILE)
    return Report(judgement, HOSTILE, HOSTILE, "2026-01-01T00:00:00Z", "0.1.0", behaviour=behaviour)


def shown(report: Report) -> str:
    output = io.StringIO()
    terminal.show(report, Console(file=output, soft_wrap=True, highlight=False))
    return output.getvalue()


# --- JSON ---


def test_json_holds_every_change_with_what_the_issue_of_a_reader_is() -> None:
    data = json.loads(reports.files(full())["drift.json"])
    assert data["verdict"] == "breaking"
    needed = {"fingerprint", "level", "place", "old", "new", "effect", "clauses", "sentence", "first_seen", "last_seen"}
    assert all(needed <= change.keys() for change in data["changes"])
    assert data["behaviour"]["case"] == "both"
    assert data["names"]["added"]


# --- Markdown ---


def test_markdown_begins_with_the_verdict_and_has_each_change() -> None:
    report = full()
    text = markdown(report)
    assert text.startswith("# Drift: breaking: changed, and callers have to know (")
    assert text.count("- Fingerprint: ") == len(report.judgement.changes)
    assert "Accepted: Nobody here asks" in text


def test_nothing_in_markdown_is_a_link_a_mention_or_html() -> None:
    text = markdown(hostile())
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text)
    assert "<" not in outside
    assert "@" not in outside
    assert "://" not in outside
    assert not re.search(r"(?<!\\)[\[\]`*|]", outside.replace("\\\\", ""))
    assert not re.search(r"(?<![\\&])#\d", outside)
    assert "\x1b" not in text


@given(
    st.one_of(
        st.text(max_size=30), st.text("*_`[]()<>&@#:/.w|\\!~$ a1-", max_size=30), st.just("see https://x.y/?a=1&b @c")
    )
)
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    shown = MarkdownIt("commonmark").render(f"Was: {escape.markdown(text)}")
    line = " ".join(clean(text).split())
    assert html.unescape(shown).strip() == f"<p>Was: {line}".rstrip() + "</p>"


@given(st.text("`~ab\n", max_size=40))
def test_a_fence_cannot_be_closed_from_inside(text: str) -> None:
    first, *inside, last = escape.fenced(text)
    assert first == f"{last}text"
    assert all(not line.strip().startswith(last) for line in inside)


def test_markdown_fits_the_body_of_a_pull_request() -> None:
    (one, *_) = full().judgement.changes
    many = tuple(replace(one, fingerprint=f"{number:012}") for number in range(500))
    text = markdown(replace(full(), judgement=Judgement(many)))
    assert len(text) < 60_000
    assert re.search(r"And \d+ more: drift\.json has all of them", text)


# --- The terminal ---


def test_the_terminal_says_the_verdict_first() -> None:
    assert shown(of_level(Level.BREAKING)).startswith("breaking: ")
    assert shown(replace(of_level(Level.NONE), behaviour=could_not_look("down", wanted=True))).startswith("unchecked: ")


def test_the_terminal_shows_a_few_and_says_how_many_more() -> None:
    (one, *_) = full().judgement.changes
    many = tuple(replace(one, fingerprint=f"{number:012}") for number in range(terminal.SHOWN + 5))
    assert "and 5 more; --report-dir has all of them" in shown(replace(full(), judgement=Judgement(many)))


# --- All of them ---


def test_hostile_text_reaches_no_format_as_it_is() -> None:
    files = {**reports.files(hostile()), "terminal": shown(hostile())}
    for name, text in files.items():
        assert "\x00" not in text, name
        assert "\u202e" not in text or name == "drift.json", name
        assert "\x1b[2J" not in text, name
    assert "<img" not in files["drift.html"]


@given(text=st.text(max_size=60))
def test_any_text_gives_whole_files(text: str) -> None:
    change = Change("0123456789ab", Level.DOCS, text, text, "k", text, [text], text)
    report = Report(Judgement((change,)), text, text, "2026-01-01T00:00:00Z", "0.1.0")
    assert reports.files(report).keys() == {"drift.json", "drift.md", "drift.html"}
    assert markdown(report).startswith("# Drift: docs")


def test_seen_is_merged_into_the_changes() -> None:
    report = replace(of_level(Level.BREAKING), seen={})
    (change,) = report.judgement.changes
    assert report.data()["changes"][0]["first_seen"] is None
    seen = replace(report, seen={change.fingerprint: Seen("a", "b", 2)})
    assert [seen.data()["changes"][0][key] for key in ("first_seen", "last_seen")] == ["a", "b"]


def test_no_file_is_written_where_one_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        reports.write(tmp_path, {"a": "x", "b": "y"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_half_a_character_stops_no_report(tmp_path: Path) -> None:
    reports.write(tmp_path / "new/folder", {"a": "\ud800"})
    assert (tmp_path / "new/folder/a").read_text() == "\\ud800"

"""The reports in each format; hostile text from upstream is only shown."""

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

from allium_market_data.drift.impact.behaviour import not_observed
from allium_market_data.drift.model import Change, Example, Judgement, Level, Names
from allium_market_data.drift.report import escape, terminal, writer
from allium_market_data.drift.report.markdown import markdown
from allium_market_data.drift.result import Behaviour, CheckResult, Sightings
from allium_market_data.errors import OutputError
from allium_market_data.sanitize import clean
from drift.results import full_result, result_of_level

HOSTILE = "</script><img src=x onerror=alert(1)> `` ```` [a](https://evil.example) @octocat #1 | \x1b[2J \x00 \u202e ]]> & *b*"


def hostile_result() -> CheckResult:
    change = Change(
        "0123456789ab", Level.BREAKING, HOSTILE, HOSTILE, "k", HOSTILE, {HOSTILE: [HOSTILE]}, HOSTILE,
        operations=(HOSTILE,), clauses=(HOSTILE,), example=Example("response", f"{HOSTILE}\n{HOSTILE}", HOSTILE), nearest=HOSTILE,
    )  # fmt: skip
    other = replace(change, fingerprint="ba9876543210", example=None, example_note=HOSTILE)
    names = Names((HOSTILE,), (HOSTILE,), ((HOSTILE, HOSTILE, HOSTILE),))
    judgement = Judgement((change, other), (HOSTILE,), names=names)
    behaviour = Behaviour("both", HOSTILE, (HOSTILE,), ((HOSTILE, HOSTILE, HOSTILE),), HOSTILE)
    return CheckResult(judgement, HOSTILE, HOSTILE, "2026-01-01T00:00:00Z", "0.1.0", behaviour=behaviour)


def printed(result: CheckResult) -> str:
    output = io.StringIO()
    Console(file=output, soft_wrap=True, highlight=False).print(terminal.render(result))
    return output.getvalue()


# --- JSON ---


def test_json_has_every_change_with_its_fields() -> None:
    data = json.loads(writer.files(full_result())["drift.json"])
    assert data["verdict"] == "breaking"
    needed = {"fingerprint", "level", "place", "old", "new", "effect", "clauses", "sentence", "first_seen", "last_seen"}
    assert all(needed <= change.keys() for change in data["changes"])
    assert data["behaviour"]["case"] == "both"
    assert data["names"]["added"]


# --- Markdown ---


def test_markdown_has_the_verdict_first_and_then_each_change() -> None:
    result = full_result()
    text = markdown(result)
    assert text.startswith("# Drift: breaking: the API changed in a way that can break callers (")
    assert text.count("- Fingerprint: ") == len(result.judgement.changes)
    assert "Accepted: Nobody here asks" in text


def test_markdown_has_no_links_mentions_or_html() -> None:
    text = markdown(hostile_result())
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
def test_escaped_text_renders_as_the_text(text: str) -> None:
    shown = MarkdownIt("commonmark").render(f"Was: {escape.markdown(text)}")
    line = " ".join(clean(text).split())
    assert html.unescape(shown).strip() == f"<p>Was: {line}".rstrip() + "</p>"


@given(st.text("`~ab\n", max_size=40))
def test_a_fence_cannot_be_closed_by_its_text(text: str) -> None:
    first, *inside, last = escape.fenced(text)
    assert first == f"{last}text"
    assert all(not line.strip().startswith(last) for line in inside)


def test_markdown_names_every_change_and_the_worst_in_full() -> None:
    (change, *_) = full_result().judgement.changes
    changes = tuple(replace(change, fingerprint=f"{number:012}") for number in range(500))
    text = markdown(replace(full_result(), judgement=Judgement(changes)))
    assert all(each.fingerprint in text for each in changes)
    assert len(text) < 200_000
    assert text.index("Fingerprint: 000000000000") < text.index("## More changes, in short") < 60_000


# --- The terminal ---


def test_the_terminal_shows_the_verdict_first() -> None:
    assert printed(result_of_level(Level.BREAKING)).startswith("breaking: ")
    assert printed(replace(result_of_level(Level.NONE), behaviour=not_observed("down", failed=True))).startswith(
        "unchecked: "
    )


def test_the_terminal_shows_the_first_changes_and_counts_the_rest() -> None:
    (change, *_) = full_result().judgement.changes
    changes = tuple(replace(change, fingerprint=f"{number:012}") for number in range(terminal.SHOWN + 5))
    assert "and 5 more changes; --report-dir writes all of them" in printed(
        replace(full_result(), judgement=Judgement(changes))
    )


# --- All of them ---


def test_hostile_text_is_escaped_in_every_format() -> None:
    files = {**writer.files(hostile_result()), "terminal": printed(hostile_result())}
    for name, text in files.items():
        assert "\x00" not in text, name
        assert "\u202e" not in text or name == "drift.json", name
        assert "\x1b[2J" not in text, name
    assert "<img" not in files["drift.html"]


@given(text=st.text(max_size=60))
def test_any_text_can_be_reported(text: str) -> None:
    change = Change("0123456789ab", Level.DOCS, text, text, "k", text, [text], text)
    result = CheckResult(Judgement((change,)), text, text, "2026-01-01T00:00:00Z", "0.1.0")
    assert writer.files(result).keys() == {"drift.json", "drift.md", "drift.html"}
    assert markdown(result).startswith("# Drift: docs")


def test_json_has_the_sightings_of_a_change() -> None:
    result = replace(result_of_level(Level.BREAKING), sightings={})
    (change,) = result.judgement.changes
    assert result.data()["changes"][0]["first_seen"] is None
    seen = replace(result, sightings={change.fingerprint: Sightings("a", "b", 2)})
    assert [seen.data()["changes"][0][key] for key in ("first_seen", "last_seen")] == ["a", "b"]


def test_no_file_is_written_if_one_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        writer.write(tmp_path, {"a": "x", "b": "y"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_surrogate_can_be_written(tmp_path: Path) -> None:
    writer.write(tmp_path / "new/folder", {"a": "\ud800"})
    assert (tmp_path / "new/folder/a").read_text() == "\\ud800"

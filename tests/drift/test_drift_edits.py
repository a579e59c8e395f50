"""Every edit of the published page is judged right, and no broken page is taken for one without drift."""

from __future__ import annotations

from functools import cache

import pytest
from drift.edits import CLAUSES_TEXT, EDITS, PAGE, Edit, broken

from allium_market_data.drift import Judgement, Level, Source, judge
from allium_market_data.drift.clauses import read as read_clauses
from allium_market_data.upstream.errors import SpecError

CLAUSES = read_clauses(CLAUSES_TEXT)
BROKEN = broken()


def source(page: str | bytes) -> Source:
    return Source.of_bytes([("get-open-interest.md", page if isinstance(page, bytes) else page.encode())])


BASELINE = source(PAGE)


@cache
def judged(edit: Edit) -> Judgement:
    return judge(BASELINE, source(edit.page), CLAUSES)


def name(edit: Edit) -> str:
    return edit.name


def test_there_are_enough_edits_of_every_verdict() -> None:
    counts = {str(level): sum(edit.verdict == str(level) for edit in EDITS) for level in Level}
    assert len(EDITS) >= 120
    assert min(counts.values()) >= 25
    assert len({edit.name for edit in EDITS}) == len(EDITS)


@pytest.mark.parametrize("edit", EDITS, ids=name)
def test_an_edit_is_judged_right(edit: Edit) -> None:
    found = judged(edit)
    assert str(found.verdict) == edit.verdict, found.changes


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit.kind or edit.clause or edit.effect], ids=name)
def test_the_change_that_decides_is_named(edit: Edit) -> None:
    changes = judged(edit).at(Level[edit.verdict.upper()])
    fitting = [
        change
        for change in changes
        if edit.kind in {"", change.kind}
        and edit.effect in {None, change.effect}
        and (not edit.clause or edit.clause in change.clauses)
    ]
    assert fitting, changes


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit.verdict == "breaking"], ids=name)
def test_a_break_is_shown_or_says_why_not(edit: Edit) -> None:
    for change in judged(edit).at(Level.BREAKING):
        assert (change.example is None) == (change.example_note != "")
        assert change.sentence.endswith((".", "”"))


@pytest.mark.parametrize("what", BROKEN, ids=str)
def test_a_broken_page_is_an_error(what: str) -> None:
    with pytest.raises(SpecError):
        judge(BASELINE, source(BROKEN[what]), CLAUSES)

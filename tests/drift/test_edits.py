"""Every edit of the published page gets its verdict, and no broken page is taken for one without drift."""

from __future__ import annotations

import pytest

from allium_market_data.codegen.clauses import read_clauses
from allium_market_data.drift import Level, Source, judge
from allium_market_data.errors import SpecError
from drift.broken import broken
from drift.edits import EDITS
from drift.page import CLAUSES_TEXT, PAGE, Edit

CLAUSES = read_clauses(CLAUSES_TEXT)
BROKEN = broken()


def source(page: str | bytes) -> Source:
    return Source.of_bytes([("get-open-interest.md", page if isinstance(page, bytes) else page.encode())])


BASELINE = source(PAGE)


def name(edit: Edit) -> str:
    return edit.name


def test_there_are_enough_edits_of_every_verdict() -> None:
    counts = {str(level): sum(edit.verdict == str(level) for edit in EDITS) for level in Level}
    assert len(EDITS) >= 120
    assert min(counts.values()) >= 25
    assert len({edit.name for edit in EDITS}) == len(EDITS)


@pytest.mark.parametrize("edit", EDITS, ids=name)
def test_the_verdict_on_an_edit(edit: Edit) -> None:
    """Also the kind, the effect and a clause of the deciding change; a break has an example, or a note that says why not."""
    found = judge(BASELINE, source(edit.page), CLAUSES)
    assert str(found.verdict) == edit.verdict, found.changes
    deciding = found.at(found.verdict)
    fitting = [
        change
        for change in deciding
        if edit.kind in {"", change.kind}
        and edit.effect in {None, change.effect}
        and (not edit.clause or edit.clause in change.clauses)
    ]
    assert fitting or edit.verdict == "none", deciding
    for change in found.changes:
        assert change.level is not Level.BREAKING or (change.example is None) == (change.example_note != "")
        assert change.sentence.endswith("."), change.sentence


@pytest.mark.parametrize("what", BROKEN, ids=str)
def test_a_broken_page_is_an_error(what: str) -> None:
    with pytest.raises(SpecError):
        judge(BASELINE, source(BROKEN[what]), CLAUSES)

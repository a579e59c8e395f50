"""An accepted change does not count for the verdict until its entry expires; entries without effect are reported."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import msgspec
import pytest

from allium_market_data.drift.accepted import accept, read_accepted
from allium_market_data.drift.model import (
    Acceptance,
    Change,
    Effect,
    Example,
    Judgement,
    Level,
    Names,
    fingerprint,
    ordered,
)
from allium_market_data.errors import SpecError

ENTRY = """
[[accepted]]
fingerprint = "aaa"
reason = "Seen,   and fine"
date = 2026-05-01
until = "2026-06-01"
"""
DAY = dt.date(2026, 5, 15)


def change(print_: str = "aaa", level: Level = Level.BREAKING) -> Change:
    return Change(print_, level, "/a", "GET /a", "response.type", ["string"], None, "It changed.")


JUDGEMENT = Judgement((change(), change("bbb", Level.COMPATIBLE)))


def test_an_accepted_change_does_not_count() -> None:
    found = accept(JUDGEMENT, read_accepted(ENTRY), DAY)
    assert JUDGEMENT.verdict is Level.BREAKING
    assert found.verdict is Level.COMPATIBLE
    assert found.changes[0].accepted == Acceptance("aaa", "Seen, and fine", "2026-05-01", "2026-06-01")
    assert found.stale == ()


def test_an_entry_holds_through_its_end_date() -> None:
    assert accept(JUDGEMENT, read_accepted(ENTRY), dt.date(2026, 6, 1)).verdict is Level.COMPATIBLE
    past = accept(JUDGEMENT, read_accepted(ENTRY), dt.date(2026, 6, 2))
    assert past.verdict is Level.BREAKING
    assert [(one.entry.fingerprint, one.why) for one in past.stale] == [("aaa", "it has expired")]
    assert past.changes[0].accepted is None


def test_an_entry_that_matches_nothing_is_reported() -> None:
    found = accept(Judgement((change("ccc"),)), read_accepted(ENTRY), DAY)
    assert [one.why for one in found.stale] == ["it matches no change"]
    assert found.verdict is Level.BREAKING


def test_no_file_accepts_nothing() -> None:
    assert read_accepted("") == ()
    assert accept(JUDGEMENT, (), DAY) == JUDGEMENT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('fingerprint = "aaa"', "", "entry 1: needs exactly the keys date, fingerprint, reason, until"),
        ("date =", "when = 1\ndate =", "entry 1: needs exactly the keys date"),
        ('"Seen,   and fine"', '"  "', "entry 1: needs a fingerprint and a reason"),
        ("2026-05-01", "1", "entry 1: `date` must be a date"),
        ("2026-05-01", "2026-05-01T00:00:00Z", "entry 1: `date` must be a date"),
        ('"2026-06-01"', '"soon"', "entry 1: `until` must be a date"),
        ('"2026-06-01"', '"2026-04-01"', "ends on 2026-04-01, before it begins"),
        ("[[accepted]]", "[[other]]", "may hold only [[accepted]] tables"),
        ("[[accepted]]", "[accepted]", "may hold only [[accepted]] tables"),
        ("[[accepted]]", "[[accepted", "unreadable"),
    ],
)
def test_an_invalid_entry_is_an_error(old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=r"drift-accepted\.toml") as caught:
        read_accepted(ENTRY.replace(old, new))
    assert message in str(caught.value)


def test_a_fingerprint_may_occur_once() -> None:
    with pytest.raises(SpecError, match="accepts aaa twice"):
        read_accepted(ENTRY + ENTRY)


def test_a_judgement_becomes_plain_data() -> None:
    shown = replace(change(), example=Example("request", "GET /a", "no"), effect=Effect.REQUEST, clauses=("a.b-1",))
    found = accept(Judgement((shown,), ("note",)), read_accepted(ENTRY), DAY).with_names(Names(added=("a",)))
    data = found.data()
    assert json.loads(json.dumps(data)) == data == json.loads(msgspec.json.encode(data))
    assert data["verdict"] == "none"
    assert data["changes"][0]["level"] == "breaking"
    assert data["changes"][0]["effect"] == "breaks a request"
    assert data["changes"][0]["example"] == {"kind": "request", "text": "GET /a", "outcome": "no"}
    assert data["names"]["added"] == ["a"]
    assert data["notes"] == ["note"]


def test_changes_are_ordered_by_level() -> None:
    assert Level.NONE < Level.DOCS < Level.COMPATIBLE < Level.BREAKING
    made = [change("a", Level.DOCS), change("b"), change("b"), change("c", Level.COMPATIBLE)]
    assert [one.fingerprint for one in ordered(made)] == ["b", "c", "a"]
    assert Judgement(ordered(made)).at(Level.DOCS) == (made[0],)
    assert Judgement().verdict is Level.NONE


def test_a_fingerprint_identifies_its_data() -> None:
    assert fingerprint("a", {"x": 1, "y": 2}) == fingerprint("a", {"y": 2.0, "x": 1})
    assert fingerprint("a", [1, 2]) != fingerprint("a", [2, 1])

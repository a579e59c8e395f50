"""Profiles of observed behaviour: as files, and compared."""

from __future__ import annotations

import tomllib

from conformance import observations
from conformance.clauses import Clauses
from conformance.observations import Profile


def test_a_profile_survives_writing_and_reading() -> None:
    profile = Profile({"readings": {"order": "ascending"}, "statuses": {"no-key": 401}, "text": {"ts": ["a", "b"]}})
    assert observations.parse(profile.to_toml("sandbox", "abc", [])) == profile


def test_a_profile_reports_what_changed() -> None:
    before = Profile({"readings": {"order": "ascending"}, "statuses": {"no-key": 401}})
    after = Profile({"readings": {"order": "descending"}, "statuses": {"too-long": 400}})
    changes = after.changes_from(before)
    assert changes == [
        'readings.order: was "ascending", is "descending"',
        "statuses.too-long: was not on record, is 400",
    ]
    assert before.changes_from(before) == []
    assert tomllib.loads(after.to_toml("sandbox", "abc", changes))["drift"] == changes


def test_the_committed_profile_of_the_sandbox_is_the_plain_reading() -> None:
    committed = observations.committed("sandbox")
    assert committed is not None
    plain = {question.id: question.plain for question in Clauses.load().open_questions.values()}
    assert committed.sections["readings"] == plain

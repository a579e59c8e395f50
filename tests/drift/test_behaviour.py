"""The behaviour of a server: how a run of the conformance suite is read and compared, with recorded runs instead of real ones."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.api_key import ApiKey
from allium_market_data.drift import spec_files
from allium_market_data.drift.impact.behaviour import (
    Profile,
    SuiteResult,
    changed_readings,
    compare_behaviour,
    not_observed,
    parse_profile,
    suite_result,
)
from allium_market_data.drift.impact.live import Server, observe
from allium_market_data.drift.model import Change, Effect, Judgement, Level
from allium_market_data.drift.result import Behaviour, CheckResult
from allium_market_data.errors import SpecError, UsageError
from drift.page import ROOT
from support.serving import SECRET, Sandbox, http, served

PROFILE: Profile = {"readings": {"order": "ascending"}, "statuses": {"no-key": 401}}
RECORDED = (ROOT / "spec/observed.sandbox.toml").read_text()
PASSED = '<testsuites><testsuite><testcase name="test_a"/></testsuite></testsuites>'
FAILURES = """<testsuites><testsuite>
<testcase name="test_a_b"><failure message="AssertionError: x&#10;y"/></testcase>
<testcase name="test_c"><failure message="Failed: inconclusive: c"/></testcase>
<testcase name="test_d"/>
<testcase name="test_e"><error message="failed on setup with &quot;httpx.ConnectError: gone&quot;"/></testcase>
<testcase name="test_f"><failure message="AssertionError: no response (ConnectError: gone)&#10;curl"/></testcase>
</testsuite></testsuites>"""


def judgement(*levels: Level) -> Judgement:
    return Judgement(
        tuple(Change(f"{at:012}", level, "", "", "k", None, None, "s", Effect.NONE) for at, level in enumerate(levels))
    )


def check_result(judgement: Judgement, behaviour: Behaviour) -> CheckResult:
    return CheckResult(judgement, "a", "b", "2026-01-01T00:00:00Z", "1", behaviour=behaviour)


# --- The result of a run ---


@pytest.mark.parametrize(
    ("levels", "violations", "order", "case", "level"),
    [
        ((), (), "ascending", "neither", Level.NONE),
        ((Level.DOCS,), (), "ascending", "neither", Level.DOCS),
        ((Level.COMPATIBLE,), (), "ascending", "document-changed", Level.COMPATIBLE),
        ((Level.BREAKING,), (), "ascending", "document-changed", Level.BREAKING),
        ((), (), "descending", "server-changed", Level.COMPATIBLE),
        ((), ("x",), "ascending", "server-changed", Level.BREAKING),
        ((Level.COMPATIBLE,), ("x",), "ascending", "both", Level.BREAKING),
        ((Level.BREAKING,), (), "descending", "both", Level.BREAKING),
        ((), (), "undetermined", "neither", Level.NONE),
    ],
)
def test_case_and_level(
    levels: tuple[Level, ...], violations: tuple[str, ...], order: str, case: str, level: Level
) -> None:
    suite = SuiteResult(violations, {**PROFILE, "readings": {"order": order}})
    behaviour = compare_behaviour(judgement(*levels), suite, PROFILE, "spec/observed.toml")
    assert behaviour.case == case
    assert check_result(judgement(*levels), behaviour).level is level


@pytest.mark.parametrize(
    ("suite", "note"),
    [
        (SuiteResult((), {"readings": {"order": "descending"}}, unanswered=3), "3 checks got no response"),
        (SuiteResult((), PROFILE, inconclusive=2), "2 checks saw too little data to decide"),
        (SuiteResult((), {}), "the conformance suite observed nothing"),
    ],
    ids=["no response", "too little data", "no profile"],
)
def test_incomplete_observation_is_unchecked(suite: SuiteResult, note: str) -> None:
    behaviour = compare_behaviour(Judgement(), suite, PROFILE, "spec/observed.toml")
    assert (behaviour.case, behaviour.failed) == ("not-observed", True)
    assert note in behaviour.note
    assert check_result(Judgement(), behaviour).verdict == "unchecked"


def test_break_of_the_document_is_reported_without_the_server() -> None:
    result = check_result(judgement(Level.BREAKING), not_observed("down", failed=True))
    assert (result.verdict, result.is_unchecked) == ("breaking", False)


def test_note_says_that_the_recorded_profile_is_missing() -> None:
    behaviour = compare_behaviour(Judgement(), SuiteResult((), PROFILE), None, "spec/observed.live.toml")
    assert behaviour.case == "neither"
    assert "spec/observed.live.toml is missing" in behaviour.note


@given(st.dictionaries(st.sampled_from(["readings", "text"]), st.dictionaries(st.text(max_size=3), st.integers())))
def test_a_profile_has_no_changes_against_itself(sections: dict[str, dict[str, int]]) -> None:
    assert changed_readings(sections, sections) == ()


def test_changed_readings_are_named_by_their_question() -> None:
    observed: Profile = {"readings": {"order": "descending"}, "statuses": {"no-key": 403, "new": 400}}
    assert changed_readings(PROFILE, observed) == (
        ("order", "ascending", "descending"),
        ("statuses.new", "not recorded", "400"),
        ("statuses.no-key", "401", "403"),
    )


def test_a_profile_that_is_not_toml_is_an_error() -> None:
    with pytest.raises(SpecError, match="seen: not TOML"):
        parse_profile("=", "seen")


def test_failures_are_violations_or_inconclusive_or_unanswered() -> None:
    assert suite_result(FAILURES, PROFILE) == SuiteResult(("a b: AssertionError: x",), PROFILE, 1, 2)


# --- The run, with a recorded one instead of the suite ---


def server(url: str, key: str = "sandbox-key") -> Server:
    return Server(ApiKey(key), url)


def replace_suite(
    monkeypatch: pytest.MonkeyPatch, *, junit: str = "", profile: str = "", status: int = 0, stderr: str = ""
) -> None:
    """Let the suite write these files and end with this status."""

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        for option, text in (("--junitxml=", junit), ("--profile-out=", profile)):
            (path,) = (word.removeprefix(option) for word in command if word.startswith(option))
            if text:
                Path(path).write_text(text, encoding="utf-8")
        return subprocess.CompletedProcess(command, status, "", stderr)

    monkeypatch.setattr("allium_market_data.drift.impact.live.subprocess.run", run)


def test_an_unchanged_server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_suite(monkeypatch, junit=PASSED, profile=RECORDED)
    behaviour = observe(server(sandbox.url), Judgement())
    assert (behaviour.case, behaviour.violations, behaviour.changed_readings) == ("neither", (), ())
    assert (behaviour.note, behaviour.failed) == ("", False)


def test_a_changed_server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = RECORDED.replace('order = "ascending"', 'order = "descending"')
    replace_suite(monkeypatch, junit=FAILURES, profile=profile, status=1)
    behaviour = observe(server(sandbox.url), judgement(Level.COMPATIBLE))
    assert (behaviour.case, behaviour.level) == ("both", Level.BREAKING)
    assert behaviour.violations == ("a b: AssertionError: x",)
    assert behaviour.changed_readings == (("order", "ascending", "descending"),)


def test_an_unreachable_server_is_not_observed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    behaviour = observe(server(f"http://127.0.0.1:{port}"), Judgement())
    assert (behaviour.case, behaviour.failed) == ("not-observed", True)


@pytest.mark.parametrize("status", ["401 No", "403 No", "503 Later"])
def test_a_refusal_is_not_a_violation_and_shows_no_key(status: str) -> None:
    response = http(f'{{"detail": "{SECRET}"}}'.encode(), status, ["retry-after: 0"])
    with served(lambda connection, _: connection.sendall(response)) as url:
        behaviour = observe(server(url, SECRET), Judgement())
    assert (behaviour.case, behaviour.failed) == ("not-observed", True)
    assert status[:3] in behaviour.note
    assert SECRET not in str(behaviour.data())


def test_a_suite_that_does_not_finish(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_suite(monkeypatch, status=2, stderr="no such option\n")
    behaviour = observe(server(sandbox.url), Judgement())
    assert (behaviour.case, behaviour.failed) == ("not-observed", True)
    assert behaviour.note == "the conformance suite exited with status 2: no such option"
    replace_suite(monkeypatch)
    assert observe(server(sandbox.url), Judgement()).note == "the conformance suite did not finish"


def test_a_suite_that_takes_too_long(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, timeout: float, **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr("allium_market_data.drift.impact.live.subprocess.run", run)
    assert observe(server(sandbox.url), Judgement()).note == "the conformance suite took longer than 1800 s"


def test_an_installed_package_needs_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec_files, "repository", lambda: None)
    behaviour = observe(server("http://127.0.0.1:1"), Judgement())
    assert (behaviour.case, behaviour.failed) == ("not-observed", False)
    assert "this needs the repository" in behaviour.note


@pytest.mark.parametrize(
    "invalid",
    [
        Server(ApiKey("k"), "ftp://x"),
        Server(ApiKey("k"), "http://elsewhere.example"),
        Server(ApiKey("k"), around="yesterday"),
        Server(ApiKey("k"), market=" "),
        Server(ApiKey("\x00")),
    ],
)
def test_invalid_server_options_are_usage_errors(invalid: Server) -> None:
    with pytest.raises(UsageError):
        invalid.check()

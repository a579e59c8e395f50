"""What a look at the server says: the matrix, what moved, what is a violation; and the look itself, at sandboxes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.api_key import ApiKey
from allium_market_data.drift import spec_files
from allium_market_data.drift.impact import live
from allium_market_data.drift.impact.behaviour import (
    Looked,
    Profile,
    behaviour,
    could_not_look,
    moved,
    profile,
    results,
)
from allium_market_data.drift.impact.live import Server, look
from allium_market_data.drift.model import Change, Effect, Judgement, Level
from allium_market_data.drift.report.report import Report
from allium_market_data.errors import SpecError, UsageError
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, running
from conformance.mutants import mutant_endpoint
from support.serving import SECRET, Sandbox, http, served

SEEN: Profile = {"readings": {"order": "ascending"}, "statuses": {"no-key": 401}}


def judgement(*levels: Level) -> Judgement:
    return Judgement(
        tuple(Change(f"{at:012}", level, "", "", "k", None, None, "s", Effect.NONE) for at, level in enumerate(levels))
    )


@pytest.mark.parametrize(
    ("levels", "violations", "order", "case", "verdict"),
    [
        ((), (), "ascending", "neither", Level.NONE),
        ((Level.DOCS,), (), "ascending", "neither", Level.DOCS),
        ((Level.COMPATIBLE,), (), "ascending", "document-moved", Level.COMPATIBLE),
        ((Level.BREAKING,), (), "ascending", "document-moved", Level.BREAKING),
        ((), (), "descending", "server-moved", Level.COMPATIBLE),
        ((), ("x",), "ascending", "server-moved", Level.BREAKING),
        ((Level.COMPATIBLE,), ("x",), "ascending", "both", Level.BREAKING),
        ((Level.BREAKING,), (), "descending", "both", Level.BREAKING),
        ((), (), "undetermined", "neither", Level.NONE),
    ],
)
def test_the_matrix(
    levels: tuple[Level, ...], violations: tuple[str, ...], order: str, case: str, verdict: Level
) -> None:
    judged = judgement(*levels)
    found = behaviour(judged, Looked(violations, {**SEEN, "readings": {"order": order}}), SEEN, "spec/observed.toml")
    assert found.case == case
    assert Report(judged, "a", "b", "2026-01-01T00:00:00Z", "1", behaviour=found).verdict is verdict


def test_a_server_that_stopped_answering_was_not_looked_at() -> None:
    seen: Profile = {"readings": {"order": "descending"}}
    found = behaviour(Judgement(), Looked((), seen, unreached=3), SEEN, "spec/observed.toml")
    assert (found.case, found.failed) == ("could-not-look", True)
    assert Report(Judgement(), "a", "b", "2026-01-01T00:00:00Z", "1", behaviour=found).word == "unchecked"


def test_a_break_of_the_document_is_told_though_nobody_could_look() -> None:
    report = Report(judgement(Level.BREAKING), "a", "b", "x", "1", behaviour=could_not_look("down", wanted=True))
    assert (report.word, report.unchecked) == ("breaking", False)


def test_without_a_profile_on_record_the_note_says_so() -> None:
    found = behaviour(Judgement(), Looked((), SEEN), None, "spec/observed.live.toml")
    assert found.case == "neither"
    assert "spec/observed.live.toml is not there" in found.note


def test_checks_that_saw_too_little_are_no_clean_bill() -> None:
    found = behaviour(Judgement(), Looked((), SEEN, untold=2), SEEN, "spec/observed.live.toml")
    assert (found.case, found.failed) == ("could-not-look", True)
    assert "2 checks saw too little data to tell" in found.note


@given(st.dictionaries(st.sampled_from(["readings", "text"]), st.dictionaries(st.text(max_size=3), st.integers())))
def test_nothing_moves_against_itself(sections: dict[str, dict[str, int]]) -> None:
    assert moved(sections, sections) == ()


def test_what_moved_is_named_by_its_question() -> None:
    seen: Profile = {"readings": {"order": "descending"}, "statuses": {"no-key": 403, "new": 400}}
    assert moved(SEEN, seen) == (
        ("order", "ascending", "descending"),
        ("statuses.new", "not on record", "400"),
        ("statuses.no-key", "401", "403"),
    )


def test_a_profile_that_is_no_toml_is_an_error() -> None:
    with pytest.raises(SpecError, match="seen: unreadable"):
        profile("=", "seen")


def test_results_tell_a_violation_from_too_little_data_and_from_no_answer() -> None:
    junit = """<testsuites><testsuite><testcase name="test_a_b"><failure message="AssertionError: x&#10;y"/></testcase>
    <testcase name="test_c"><failure message="Failed: inconclusive: c"/></testcase><testcase name="test_d"/>
    <testcase name="test_e"><error message="failed on setup with &quot;httpx.ConnectError: gone&quot;"/></testcase>
    <testcase name="test_f"><failure message="AssertionError: no response (ConnectError: gone)&#10;curl"/></testcase>
    </testsuite></testsuites>"""
    assert results(junit) == (("a b: AssertionError: x",), 1, 2)


@contextmanager
def changed_sandbox(readings: tuple[str, ...] = (), mutants: tuple[str, ...] = ()) -> Iterator[str]:
    with Samples.open() as samples:
        app = create_app(samples, reading_named(readings), DEFAULT_API_KEY, mutant_endpoint(mutants))
        with running(app) as url:
            yield url


def server(url: str, key: str = DEFAULT_API_KEY) -> Server:
    return Server(ApiKey(key), url)


def test_a_server_that_does_as_it_did() -> None:
    with changed_sandbox() as url:
        found = look(server(url), Judgement())
    assert (found.case, found.violations, found.moved, found.failed) == ("neither", (), (), False)


def test_a_server_that_answers_an_open_question_anew() -> None:
    with changed_sandbox(readings=("descending",)) as url:
        found = look(server(url), Judgement())
    assert (found.case, found.level) == ("server-moved", Level.COMPATIBLE)
    assert found.moved == (("order", "ascending", "descending"),)


def test_a_server_that_breaks_the_specification() -> None:
    with changed_sandbox(mutants=("end-ignored",)) as url:
        found = look(server(url), judgement(Level.COMPATIBLE))
    assert (found.case, found.level) == ("both", Level.BREAKING)
    assert any(said.startswith("no label is outside the window") for said in found.violations)


def test_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = look(server(f"http://127.0.0.1:{port}"), Judgement())
    assert (found.case, found.failed) == ("could-not-look", True)


@pytest.mark.parametrize("status", ["401 No", "403 No", "503 Later"])
def test_a_server_that_lets_nobody_in_is_no_violation_and_shows_no_key(status: str) -> None:
    with served(lambda connection, _: connection.sendall(http(f'{{"detail": "{SECRET}"}}'.encode(), status))) as url:
        found = look(server(url, SECRET), Judgement())
    assert (found.case, found.failed) == ("could-not-look", True)
    assert status[:3] in found.note
    assert SECRET not in str(found.data())


def test_a_suite_that_does_not_run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SUITE", ("-c", "import sys; print('no such thing'); sys.exit(2)"))
    found = look(server(sandbox.url), Judgement())
    assert (found.case, found.note) == ("could-not-look", "the conformance suite ended with 2: no such thing")
    monkeypatch.setattr(live, "_SUITE", ("-c", ""))
    assert look(server(sandbox.url), Judgement()).note == "the conformance suite did not come to its end"


def test_a_suite_that_takes_too_long(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SUITE", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(live, "SECONDS", 0.2)
    assert look(server(sandbox.url), Judgement()).note == "the conformance suite took longer than 0.2 s"


def test_the_key_is_in_no_list_of_processes(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    program = f"import os, sys; open({str(told)!r}, 'w').write(os.environ['ALLIUM_API_KEY'] + ' ' + ' '.join(sys.argv))"
    monkeypatch.setattr(live, "_SUITE", ("-c", program))
    look(server(sandbox.url), Judgement())
    key, _, arguments = told.read_text().partition(" ")
    assert key == DEFAULT_API_KEY
    assert DEFAULT_API_KEY not in arguments


def test_an_installed_package_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec_files, "repository", lambda: None)
    found = look(server("http://127.0.0.1:1"), Judgement())
    assert (found.case, found.failed) == ("could-not-look", False)
    assert "the live part needs the repository" in found.note


@pytest.mark.parametrize(
    "wrong",
    [
        Server(ApiKey("k"), "ftp://x"),
        Server(ApiKey("k"), "http://elsewhere.example"),
        Server(ApiKey("k"), around="yesterday"),
        Server(ApiKey("k"), market=" "),
        Server(ApiKey("\x00")),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(wrong: Server) -> None:
    with pytest.raises(UsageError):
        wrong.check()

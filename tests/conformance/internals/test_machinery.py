"""What the suite is run with: options, the document, marks, profiles, expected failures, chance, cassettes."""

from __future__ import annotations

import datetime as dt
import json
import lzma
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st
from vcr.errors import CannotOverwriteExistingCassetteException

from allium_market_data.model.intervals import DAY, WIDTHS
from conformance import cassettes, census, findings, observations, target, times, xfails
from conformance.answers import Reply
from conformance.ask import Asker, Door, Question
from conformance.chance import Chance, limits, pieces, spellings
from conformance.document import ROOT, Checker, Clauses, Document, folded
from conformance.observations import Profile
from conformance.target import Options, OptionsError

DOCUMENT = Document.load()
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
ROW = {"market_id": "m", "ts": "t", "oi_base": "1", "oi_quote_usd": "2"}
START = times.parse("2026-04-28T00:00:00Z")


# --- the document and the clauses ---


def test_the_fingerprint_is_that_of_the_lock_file() -> None:
    assert DOCUMENT.digest == tomllib.loads((ROOT / "spec/lock.toml").read_text())["documents"]["merged"]


def test_the_document_is_read_as_the_page_has_it() -> None:
    assert DOCUMENT.server == "https://api.allium.so"
    assert DOCUMENT.key_header == "X-API-KEY"
    assert list(DOCUMENT.parameters) == ["market_id", "interval", "start_timestamp", "end_timestamp", "limit"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "is not of type 'object'"),
        ({}, "'items' is a required property"),
        ({"items": None}, "is not of type 'array'"),
        ({"items": [[]]}, "is not of type 'object'"),
        ({"items": [ROW, {**ROW, "ts": 1}]}, "is not of type 'string'"),
        ({"items": [{"market_id": "m", "ts": "t", "oi_base": "1"}]}, "'oi_quote_usd' is a required property"),
    ],
)
def test_a_body_of_another_shape_is_a_fault_every_time(body: Any, fault: str) -> None:
    checker = Checker(DOCUMENT)
    assert checker.faults({"items": [ROW], "more": 1}) == []
    for _ in range(2):
        assert any(fault in found for found in checker.faults(body))


def test_every_case_of_the_suite_is_found_with_its_marks_and_words() -> None:
    source = '''
@pytest.mark.clause("a-1")
class TestThis:
    """One."""
    @pytest.mark.clause("b-1", "c-1")
    def test_that(self):
        """Two."""
    def helper(self): ...
@pytest.mark.open_question("q")
def test_alone(): ...
'''
    one, two = census.cases(source, "test_x.py")
    assert (one.name, one.clauses, folded(one.said)) == (
        "test_x.py::TestThis::test_that",
        ("a-1", "b-1", "c-1"),
        "One. Two.",
    )
    assert (two.name, two.questions) == ("test_x.py::test_alone", ("q",))


# --- options ---


def choose(**options: Any) -> target.Target:
    return target.chosen(Options(**options), DOCUMENT, NOW)


def test_the_sandbox_is_the_default_and_needs_nothing() -> None:
    chosen = choose()
    assert (chosen.name, chosen.market, chosen.non_perp_market) == ("sandbox", "hl:perp:BTC-USDC", "hl:spot:HYPE-USDC")
    assert times.text(chosen.around) == "2026-05-01T00:00:00Z"


def test_a_live_run_takes_the_address_of_the_specification_and_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(target.KEY_VARIABLE, "from-environment")
    chosen = choose(target="live")
    assert (chosen.base_url, chosen.api_key) == ("https://api.allium.so", "from-environment")
    assert chosen.non_perp_market is None
    assert "from-environment" not in repr(chosen)
    assert choose(target="live", api_key="k", base_url="https://x").api_key == "k"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "live"}, "needs a key: --api-key, or ALLIUM_API_KEY"),
        (
            {"target": "live", "api_key": "k", "base_url": "http://x"},
            "--base-url: http://x would get the API key in the clear",
        ),
        ({"target": "live", "api_key": "k", "readings": ("gzip",)}, "need --target sandbox"),
        ({"target": "cassette", "mutants": ("mean",)}, "need --target sandbox"),
        ({"base_url": "http://x"}, "needs --target live"),
        ({"mutants": ("no-such",)}, "there is no mutant 'no-such'"),
        ({"readings": ("no-such",)}, "there is no reading 'no-such'"),
        ({"readings": ("decimals-18", "decimals-integer")}, "exclude each other"),
        ({"around": "yesterday"}, "--around: 'yesterday'"),
        ({"around": "2026-05-25T00:00:00Z"}, "two weeks in the past"),
        ({"target": "cassette", "cassette": "no-such"}, "there is no cassette 'no-such'"),
        ({"target": "cassette", "record": True}, "cannot be recorded"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        choose(**options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--target", "live"], "needs a key"), (["--mutant", "no-such"], "there is no mutant")],
)
def test_a_run_that_cannot_start_ends_as_a_usage_error(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "pytest", "tests/conformance", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in run.stderr


# --- expected failures ---


def test_expected_failures_are_read_and_matched() -> None:
    text = '[[xfail]]\ntest = "test_x.py::TestY::test_z"\nreason = "why"\ndate = 2026-05-01\n'
    (entry,) = xfails.read(text)
    assert (entry.reason, entry.date) == ("why", dt.date(2026, 5, 1))
    assert entry.matches("tests/conformance/test_x.py::TestY::test_z")
    assert entry.matches("test_x.py::TestY::test_z[1m/a]") is False
    assert entry.matches("tests/conformance/test_x.py::TestY::test_z[1m]")
    assert not entry.matches("tests/conformance/test_x.py::TestY::test_zz")
    assert xfails.read("") == []


@pytest.mark.parametrize(
    "text",
    [
        '[[xfail]]\ntest = "t"\nreason = "r"',
        '[[xfail]]\ntest = "t"\nreason = " "\ndate = 2026-05-01',
        '[[xfail]]\ntest = "t"\nreason = "r"\ndate = "2026-05-01"',
        '[[xfail]]\ntest = "t"\nreason = "r"\ndate = 2026-05-01\nmore = 1',
        '[[expected]]\ntest = "t"',
    ],
)
def test_an_expected_failure_without_a_reason_or_a_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        xfails.read(text)


# --- profiles ---


def test_a_profile_survives_being_written_and_shows_what_changed() -> None:
    profile = Profile({"readings": {"order": "ascending"}, "statuses": {"no-key": 401}, "text": {"ts": ["a", "b"]}})
    text = profile.to_toml("sandbox", "abc", [])
    before = observations.parse(text)
    assert before == profile
    assert profile.drift(before) == []
    profile.note("readings", "order", "descending")
    profile.note("statuses", "too-long", 400)
    changes = profile.drift(before)
    assert changes == [
        'readings.order: was "ascending", is "descending"',
        "statuses.too-long: was not on record, is 400",
    ]
    assert tomllib.loads(profile.to_toml("sandbox", "abc", changes))["drift"] == changes


def test_the_committed_profile_of_the_sandbox_is_the_plain_reading() -> None:
    committed = observations.committed("sandbox")
    assert committed is not None
    plain = {question.id: question.plain for question in Clauses.load().questions.values()}
    assert committed.sections["readings"] == plain


def reply(status: int, body: bytes, media_type: str) -> Reply:
    return Reply(status, {"content-type": media_type}, body, "curl")


@pytest.mark.parametrize(
    ("body", "media_type", "name"),
    [
        (b"", "text/plain", "error-empty"),
        (b"no", "text/plain; charset=utf-8", "error-plain-text"),
        (b"{}", "application/problem+json", "error-problem-json"),
        (b'{"detail": []}', "application/json", "error-detail"),
        (b'{"error": 1}', "application/json", "application/json ['error']"),
        (b"<html>", "text/html", "text/html"),
    ],
)
def test_the_body_of_a_refusal_is_named(body: bytes, media_type: str, name: str) -> None:
    assert findings.error_body([reply(422, body, media_type)]) == name


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ([], "not-shown"),
        (["1.50", "2", "3.00", "0.000000000000000001"], "decimals-plain"),
        (["1.5", "2", "3"], "decimals-integer"),
        (["1.5000", "2.000"], "decimals-trailing-zeros"),
        (["1." + "5" * 18, "2." + "0" * 20], "decimals-18"),
    ],
)
def test_the_text_of_decimals_is_named(texts: list[str], name: str) -> None:
    assert findings.decimal_text(texts) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2026-05-01T01:00:00.000000+00:00", "ts-offset"),
        ("2026-05-01T01:00:00Z", "ts-z"),
        ("2026-05-01T01:00:00.000Z", "0000-00-00T00:00:00.000Z"),
    ],
)
def test_the_text_of_labels_is_named(text: str, name: str) -> None:
    assert findings.ts_text([findings.shape(text)]) == name


# --- chance ---


def drawn(chance: Chance, strategy: st.SearchStrategy[Any], examples: int = 20) -> list[Any]:
    found: list[Any] = []
    chance.each("a law", examples, strategy, found.append)
    return found


def test_one_seed_gives_one_run_and_another_seed_another() -> None:
    strategy = pieces(START, aligned=False)
    first = drawn(Chance(1), strategy)
    assert len(first) == 20
    assert drawn(Chance(1), strategy) == first
    assert drawn(Chance(2), strategy) != first


def test_a_replay_asks_what_was_recorded() -> None:
    chance = Chance(1)
    first = drawn(chance, spellings)
    recorded = json.loads(json.dumps(chance.drawn))
    again = drawn(Chance(recorded=recorded), spellings)
    assert json.dumps(again) == json.dumps(first)


@pytest.mark.parametrize("aligned", [True, False])
def test_windows_lie_in_the_week_and_hold_whole_buckets(aligned: bool) -> None:
    for interval, start, end in drawn(Chance(3), pieces(START, aligned), 200):
        assert START <= start < end <= START + 7 * DAY
        assert end - start >= 2 * WIDTHS[interval]
        assert (start % WIDTHS[interval] == 0 and end % WIDTHS[interval] == 0) == aligned


def test_limits_are_two_or_more() -> None:
    assert min(limit for _, limit in drawn(Chance(4), limits, 100)) == 2


def test_a_failure_is_reported_and_nothing_more_is_asked() -> None:
    asked: list[Any] = []

    def law(example: tuple[Any, ...]) -> None:
        asked.append(example)
        assert len(asked) < 3, "broken"

    with pytest.raises(AssertionError, match="broken"):
        Chance(5).each("a law", 50, limits, law)
    assert len(set(asked)) <= 3


# --- cassettes ---

HEAD = cassettes.Recorded("sandbox", "2026-05-01", "abc", "http://server", "m", None, 1)


def test_a_stale_recording_says_so() -> None:
    assert cassettes.stale(HEAD, "abc") is None
    why = cassettes.stale(HEAD, "def")
    assert why is not None
    assert "nox -s record -- --target sandbox" in why


def test_a_run_is_recorded_without_secrets_and_replayed_without_a_server(tmp_path: Path, sandbox: Any) -> None:
    path = tmp_path / "x.json.xz"
    base_url, key = sandbox.url, "sandbox-key"
    sound = Question(
        (("interval", "1h"), ("start_timestamp", "2026-05-01T00:00:00Z"), ("end_timestamp", "2026-05-02T00:00:00Z"))
    )
    asked = [
        sound,
        replace(sound, key=None),
        replace(sound, key="unrelated"),
        replace(sound, colon="%3A"),
        sound.but(limit=0),
    ]

    def ask_all(url: str, api_key: str) -> list[Reply]:
        with httpx.Client(trust_env=False) as client:
            client.cookies.set("session", "a-cookie")
            server = Asker(Door(url, "hl:perp:BTC-USDC", "X-API-KEY", api_key), client)
            return [server.ask(question) for question in asked]

    head = cassettes.Recorded("sandbox", "2026-05-01", "abc", "http://server", "m", None, 1, drawn={"law": [[1]]})
    with cassettes.recording(path, head, "X-API-KEY", key):
        first = ask_all(base_url, key)
    assert [reply.status for reply in first] == [200, 401, 403, 200, 422]
    text = lzma.decompress(path.read_bytes())
    assert not [secret for secret in (b"sandbox-key", b"a-cookie", b"not-a-key") if secret in text]
    assert cassettes.read(path)[0] == head
    with cassettes.replaying(path, "X-API-KEY"):
        again = ask_all("http://sandbox.invalid", cassettes.RIGHT_KEY)
    assert [(reply.status, reply.body) for reply in again] == [(reply.status, reply.body) for reply in first]


def test_what_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.json.xz"
    with cassettes.recording(path, HEAD, "X-API-KEY", "k"):
        pass
    with cassettes.replaying(path, "X-API-KEY"), pytest.raises(CannotOverwriteExistingCassetteException):
        httpx.get("http://sandbox.invalid/api")


def test_a_file_that_is_no_cassette_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json.xz"
    path.write_bytes(lzma.compress(b"{}"))
    with pytest.raises(ValueError, match="no cassette"):
        cassettes.read(path)

"""A run that fails, or is ended, at any stage is recorded as unchecked in the history and in the reports."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from allium_market_data.cli import drift as command
from allium_market_data.cli import main as cli
from allium_market_data.drift import check, history
from allium_market_data.drift.history import read_history
from allium_market_data.drift.impact.behaviour import not_observed
from allium_market_data.drift.report import writer
from allium_market_data.drift.result import CheckResult
from drift.page import PAGE
from drift.results import judge_page

STAGES = {
    "history": (history, "read_history", 1),
    "read": (check, "_source", 1),
    "compare": (check, "compare", 1),
    "names": (check, "_names", 1),
    "server": (command, "observe", 1),
    "render": (writer, "files", 1),
    "reports": (writer, "write", 2),
    "result": (history, "append", 2),
}
"""Where each stage can be made to fail: the module, the function, and which of its calls."""

NARROWER = PAGE.replace("maximum: 5000", "maximum: 4000")
KEY = "a-key-that-nobody-shows"


def raising(problem: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise problem

    return fail


FAILURES = {
    "bug": (raising(IndexError("list index out of range")), 1, "IndexError: list index out of range"),
    "recursion": (raising(RecursionError(f"too deep {KEY}")), 1, "RecursionError: too deep"),
    "memory": (raising(MemoryError()), 1, "MemoryError"),
    "interrupt": (raising(KeyboardInterrupt()), 130, "it was interrupted"),
    "SIGTERM": (lambda: signal.raise_signal(signal.SIGTERM), 143, "it was ended by SIGTERM"),
    "SIGHUP": (lambda: signal.raise_signal(signal.SIGHUP), 129, "it was ended by SIGHUP"),
}


def fail_at(stage: str, fail: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run ``fail`` in place of the given call of a stage's function."""
    module, name, number = STAGES[stage]
    real, calls = getattr(module, name), []

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == number:
            fail()
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, call)


@pytest.fixture(scope="module")
def result() -> CheckResult:
    """The result of the run, which takes a second to compute."""
    judgement = judge_page(NARROWER)
    return CheckResult(judgement, "old", "new", "2026-01-01T00:00:00Z", "0")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A run with a breaking change, a server, a report folder with an old report, and a history."""
    page, folder = tmp_path / "get-open-interest.md", tmp_path / "reports"
    page.write_text(NARROWER)
    folder.mkdir()
    (folder / "drift.json").write_text('{"verdict": "none"}')
    server = ["--base-url", "http://127.0.0.1:1", "--api-key", KEY]
    return ["--upstream", str(page), "--report-dir", str(folder), "--history", str(tmp_path / "history.jsonl"), *server]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_run_is_unchecked(
    stage: str, failure: str, words: list[str], result: CheckResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail, status, reason = FAILURES[failure]
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(check, "judge", lambda *_: result.judgement)
    monkeypatch.setattr(check, "_names", lambda *_: None)
    monkeypatch.setattr(command, "observe", lambda *_: not_observed("", failed=False))
    fail_at(stage, fail, monkeypatch)
    run = CliRunner().invoke(cli.app, ["drift", *words])
    assert (run.exit_code, run.stdout) == (status, "")
    assert len(run.stderr.splitlines()) == 1
    report = json.loads((tmp_path / "reports/drift.json").read_text())
    assert report["verdict"] == "unchecked"
    assert reason in report["reason"]
    assert KEY not in str(report) + run.stderr
    for name in ("drift.md", "drift.html"):
        assert "unchecked" in (tmp_path / "reports" / name).read_text()
    entries = read_history(tmp_path / "history.jsonl")
    assert [entry.verdict for entry in entries] == ["unchecked"]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers


def test_a_bug_is_reported_with_its_place(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "judge", None)
    result = CliRunner().invoke(cli.app, ["drift", *words])
    assert result.stderr.startswith("allium-md: the check failed: TypeError: ")
    assert "(drift/check.py, line " in result.stderr
    assert "please report it" in result.stderr


def test_unwritable_reports_leave_a_line_in_the_history(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "reports/drift.html").mkdir()
    assert CliRunner().invoke(cli.app, ["drift", *words]).exit_code == 1
    assert [entry.verdict for entry in read_history(tmp_path / "history.jsonl")] == ["unchecked"]


def test_a_closed_pipe_leaves_the_result(
    words: list[str], result: CheckResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the printing fails; status 1 does not fit the verdict, which the nightly workflow notices."""
    monkeypatch.setattr(command, "check", lambda *_, **__: result)
    monkeypatch.setattr(command, "print_result", lambda _: raising(BrokenPipeError())())
    monkeypatch.setattr("allium_market_data.cli.main._mute", lambda: None)
    assert CliRunner().invoke(cli.app, ["drift", *words, "--no-live"]).exit_code == 1
    assert json.loads((tmp_path / "reports/drift.json").read_text())["verdict"] == "breaking"
    assert [entry.verdict for entry in read_history(tmp_path / "history.jsonl")] == ["breaking"]

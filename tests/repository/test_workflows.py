"""The workflows: actions are pinned, jobs have the fewest permissions, and no text from outside becomes part of a script."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import outputs
import propose
from allium_market_data.cli.drift import STATUS
from allium_market_data.drift.history import HistoryEntry, read_history
from allium_market_data.drift.result import UNCHECKED

GITHUB = Path(__file__).parents[2] / ".github"
SCRIPTS = GITHUB / "scripts"
FILES = sorted((GITHUB / "workflows").glob("*"))
PINNED = re.compile(r"uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v[0-9]+(\.[0-9]+)*$")
SAFE_EVENTS = {"push", "pull_request", "schedule", "workflow_dispatch"}
"""Their runs have only the permissions of the workflow; a run for a pull request sees no secrets."""

each_workflow = pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in FILES])


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


def nightly() -> dict[str, Any]:
    return read(GITHUB / "workflows/nightly.yml")["jobs"]  # type: ignore[no-any-return]


def test_these_are_all_workflows() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "nightly.yml", "release.yml"]


@each_workflow
def test_actions_are_pinned_by_hash_with_their_version(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@each_workflow
def test_jobs_name_their_permissions_and_a_timeout(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 90, name


@each_workflow
def test_no_event_gives_permissions_to_outside_code(path: Path) -> None:
    workflow = read(path)
    (events,) = (value for key, value in workflow.items() if str(key) == "True")  # YAML reads the key "on" as true
    assert set(events) <= SAFE_EVENTS
    if "pull_request" in events:
        assert "secrets." not in path.read_text()
        assert {level for job in workflow["jobs"].values() for level in job["permissions"].values()} == {"read"}


@each_workflow
def test_scripts_have_no_expressions_and_checkouts_keep_no_token(path: Path) -> None:
    workflow = read(path)
    assert workflow["defaults"]["run"]["shell"] == "bash"  # with -e and pipefail
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_audit_uses_the_oldest_and_the_newest_python() -> None:
    """pip-audit skips lines of the lock whose markers do not match the running Python; the lock splits at 3.12."""
    audit = nightly()["audit"]
    assert [step["run"] for step in audit["steps"] if "run" in step][-1] == "nox -s audit"
    assert audit["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert not any("continue-on-error" in step for step in (audit, *audit["steps"]))


# --- The release workflow ---


def test_what_is_published_was_tested_by_a_job_that_may_not_publish() -> None:
    jobs = read(GITHUB / "workflows/release.yml")["jobs"]
    assert (jobs["build"]["permissions"], jobs["publish"]["permissions"]) == (
        {"contents": "read"},
        {"id-token": "write"},
    )
    commands = [step["run"].split(" #")[0] for step in jobs["build"]["steps"] if "run" in step]
    assert commands[-2:] == ["uv build --no-cache --out-dir dist", "nox -s wheel -- dist/*.whl"]
    assert (jobs["publish"]["needs"], jobs["publish"]["environment"]) == ("build", "pypi")
    assert not any("run" in step for step in jobs["publish"]["steps"])
    assert "secrets." not in (GITHUB / "workflows/release.yml").read_text()


# --- The nightly workflow ---


SECRETS = re.compile(r"secrets\.(\w+)")


def test_only_jobs_that_run_no_project_code_may_write() -> None:
    """The scripts of .github use the standard library alone, and nothing that the check has generated."""
    jobs = nightly()
    writing = {name for name, job in jobs.items() if "write" in job["permissions"].values()}
    assert writing == {"propose", "failure_issue", "heartbeat"}
    for name in writing:
        text = json.dumps(jobs[name])
        assert "nox" not in text
        assert "pip" not in text
    for path in SCRIPTS.glob("*.py"):
        assert set(re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)) <= {
            *sys.stdlib_module_names,
            "rest",
        }


def test_secrets_of_each_job() -> None:
    found = {name: set(SECRETS.findall(json.dumps(job))) for name, job in nightly().items()}
    assert {name: secrets for name, secrets in found.items() if secrets} == {
        "check": {"ALLIUM_API_KEY"},
        "propose": {"DRIFT_APP_PRIVATE_KEY", "DRIFT_TOKEN"},
        "heartbeat": {"HEARTBEAT_URL"},
    }
    (step,) = [step for step in nightly()["check"]["steps"] if "secrets." in json.dumps(step)]
    assert step["name"] == "Check"


def test_the_issue_and_the_heartbeat_do_not_depend_on_success() -> None:
    jobs = nightly()
    assert (jobs["failure_issue"]["needs"], jobs["failure_issue"]["if"]) == (["check", "propose"], "always()")
    assert jobs["heartbeat"]["if"] == "always()"
    saving = next(step for step in jobs["check"]["steps"] if step.get("uses", "").startswith("actions/cache/save@"))
    assert saving["if"].startswith("always() ")


def test_verdicts_of_the_workflow_are_those_of_the_command() -> None:
    statuses = {str(level): status for level, status in STATUS.items()}
    assert {**statuses, "unchecked": 1}.items() <= outputs.STATUSES.items()
    proposed = json.loads(re.findall(r"'(.*)'", nightly()["propose"]["if"])[0])
    assert {*proposed, "unchecked"} == set(outputs.STATUSES)
    (step,) = [step for step in nightly()["check"]["steps"] if step.get("name") == "Regenerate and test"]
    assert {*json.loads(re.findall(r"'(.*)'", step["if"])[0]), "none"} == set(proposed)


def test_checkouts_that_compare_commits_have_all_of_them() -> None:
    (checkout,) = [step for step in nightly()["propose"]["steps"] if "checkout@" in step.get("uses", "")]
    assert checkout["with"]["fetch-depth"] == 0


def entry(verdict: str, run: str = "") -> str:
    return json.dumps({"verdict": verdict, "run": run}) + "\n"


@pytest.mark.parametrize(
    ("verdicts", "failures", "alarm"),
    [
        (["none"], 0, "false"),
        (["unchecked", "none"], 0, "false"),
        (["none", "unchecked"], 1, "false"),
        (["none", *["unchecked"] * 2], 2, "false"),
        (["none", *["unchecked"] * 3], 3, "true"),
        (["breaking", *["unchecked"] * 4], 4, "true"),
        (["unchecked"], 1, "true"),
    ],
)
def test_outputs_count_the_failures_in_a_row(
    verdicts: list[str],
    failures: int,
    alarm: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, history = tmp_path / "drift.json", tmp_path / "history.jsonl"
    report.write_text(json.dumps({"verdict": verdicts[-1]}))
    runs = enumerate(verdicts)
    history.write_text(
        "".join(entry("unchecked", f"r{number}") + entry(verdict, f"r{number}") for number, verdict in runs)
    )
    outputs.main(str(outputs.STATUSES[verdicts[-1]]), str(report), str(history))
    assert capsys.readouterr().out == f"verdict={verdicts[-1]}\nunchecked={failures}\nalarm={alarm}\n"


@given(
    st.lists(
        st.builds(HistoryEntry, st.just("t"), st.sampled_from(["none", UNCHECKED]), run=st.sampled_from(["", "a", "b"]))
    )
)
def test_the_script_reads_a_history_as_the_command_does(entries: list[HistoryEntry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.jsonl")
        path.write_bytes(b"".join(entry.line() for entry in entries))
        assert outputs._verdicts(path) == [entry.verdict for entry in read_history(path)]


@pytest.mark.parametrize("line", ["{", "[]", "{}", "1", '"a"'])
def test_a_broken_history_is_an_error(line: str, tmp_path: Path) -> None:
    report, history = tmp_path / "drift.json", tmp_path / "history.jsonl"
    report.write_text('{"verdict": "unchecked"}')
    history.write_text(line)
    with pytest.raises(SystemExit, match="delete the caches"):
        outputs.main("1", str(report), str(history))


def test_an_unknown_verdict_is_not_an_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "drift.json"
    report.write_text('{"verdict": "none\\nunchecked=3"}')
    with pytest.raises(SystemExit, match="does not fit"):
        outputs.main("0", str(report), os.devnull)
    assert capsys.readouterr().out == ""


PATCH = b"index 1..2\n-retrieved = 2026-01-01\n+retrieved = 2026-01-02\n+new sentence\n"
REPORT: dict[str, Any] = {
    "verdict": "docs",
    "changes": [{"fingerprint": "a"}, {"fingerprint": "b"}],
    "checked_at": "today",
}
OBSERVED = {"violations": ["x"], "changed_readings": []}


@pytest.mark.parametrize(
    ("report", "patch", "same"),
    [
        (REPORT, PATCH.replace(b"01-02", b"01-03").replace(b"1..2", b"1..3"), True),
        ({**REPORT, "checked_at": "tomorrow", "changes": REPORT["changes"][::-1]}, PATCH, True),
        (REPORT, PATCH.replace(b"new", b"newer"), False),
        ({**REPORT, "verdict": "look"}, PATCH, False),
        ({**REPORT, "changes": [{"fingerprint": "a"}]}, PATCH, False),
        ({**REPORT, "behaviour": OBSERVED}, PATCH, False),
    ],
)
def test_the_state_of_a_drift_ignores_only_the_day(report: dict[str, Any], patch: bytes, same: bool) -> None:
    assert (propose.drift_state(report, patch) == propose.drift_state(REPORT, PATCH)) is same

"""The workflows: actions are pinned, jobs have the fewest permissions, and no text from outside becomes part of a script."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

GITHUB = Path(__file__).parents[2] / ".github"
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
    assert [path.name for path in FILES] == ["ci.yml", "nightly.yml"]


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
        assert job["timeout-minutes"] <= 60, name


@each_workflow
def test_no_event_gives_permissions_to_outside_code(path: Path) -> None:
    workflow = read(path)
    (events,) = (value for key, value in workflow.items() if str(key) == "True")  # YAML reads the key "on" as true
    assert set(events) <= SAFE_EVENTS
    if "pull_request" in events:
        assert "secrets." not in path.read_text()
        assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())


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


# --- The nightly workflow ---


def test_only_jobs_that_run_no_project_code_may_write() -> None:
    jobs = nightly()
    writing = {name for name, job in jobs.items() if "write" in job["permissions"].values()}
    assert writing == {"propose", "report_failure"}
    for name in writing:
        assert "nox" not in json.dumps(jobs[name])
        assert "secrets." not in json.dumps(jobs[name])


def test_only_the_check_gets_the_api_key() -> None:
    steps = [
        step["name"] for job in nightly().values() for step in job["steps"] if "ALLIUM_API_KEY" in step.get("env", {})
    ]
    assert steps == ["Check"]


@pytest.fixture(scope="module")
def outputs() -> ModuleType:
    """.github/drift_outputs.py as a module."""
    spec = importlib.util.spec_from_file_location("drift_outputs", GITHUB / "drift_outputs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("verdicts", "failures"),
    [
        (["none"], 0),
        (["unchecked", "none"], 0),
        (["none", "unchecked"], 1),
        (["unchecked"] * 3, 3),
        (["breaking", *["unchecked"] * 4], 4),
    ],
)
def test_outputs_are_the_verdict_and_the_failures_in_a_row(
    verdicts: list[str], failures: int, outputs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, history = tmp_path / "drift.json", tmp_path / "history.jsonl"
    report.write_text(json.dumps({"verdict": verdicts[-1]}))
    history.write_text("".join(json.dumps({"verdict": verdict}) + "\n" for verdict in verdicts))
    outputs.main(str(report), str(history))
    assert capsys.readouterr().out == f"verdict={verdicts[-1]}\nunchecked={failures}\n"


def test_an_unknown_verdict_is_not_an_output(
    outputs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "drift.json"
    report.write_text('{"verdict": "none\\nunchecked=3"}')
    with pytest.raises(SystemExit, match="unknown verdict"):
        outputs.main(str(report), os.devnull)
    assert capsys.readouterr().out == ""

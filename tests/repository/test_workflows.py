"""Every workflow: what runs is pinned, what it may do is said, and no text from outside becomes a script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = sorted((Path(__file__).parents[2] / ".github/workflows").glob("*"))
WORKFLOWS = [pytest.param(path, id=path.name) for path in FILES]
PINNED = re.compile(r"uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v[0-9]+(\.[0-9]+)*$")
TRUSTED = {"push", "pull_request", "schedule", "workflow_dispatch"}
"""Events whose runs have no more rights than the workflow says. A pull request's run sees no secrets."""


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


def test_there_are_the_workflows_that_are_looked_at() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "nightly.yml"]


@pytest.mark.parametrize("path", WORKFLOWS)
def test_every_action_is_pinned_by_its_hash_and_names_its_version(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS)
def test_a_job_has_the_rights_that_it_names_and_no_others(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("path", WORKFLOWS)
def test_no_event_gives_rights_to_code_from_outside(path: Path) -> None:
    workflow = read(path)
    (events,) = (value for key, value in workflow.items() if str(key) == "True")  # YAML reads the word "on" as true
    assert set(events) <= TRUSTED
    if "pull_request" in events:
        assert "secrets." not in path.read_text()
        rights = [job["permissions"] for job in workflow["jobs"].values()]
        assert all(right == {"contents": "read"} for right in rights)


@pytest.mark.parametrize("path", WORKFLOWS)
def test_no_expression_stands_in_a_script_and_no_checkout_leaves_its_token(path: Path) -> None:
    workflow = read(path)
    assert workflow["defaults"]["run"]["shell"] == "bash"  # -e and pipefail
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_audit_looks_at_what_the_lock_says_for_the_oldest_and_the_newest_python() -> None:
    """Only lines whose markers hold for the Python that asks are looked up; the lock splits at 3.12."""
    audit = read(next(path for path in FILES if path.name == "nightly.yml"))["jobs"]["audit"]
    assert [step["run"] for step in audit["steps"] if "run" in step][-1] == "nox -s audit"
    assert audit["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert not any("continue-on-error" in step for step in (audit, *audit["steps"]))

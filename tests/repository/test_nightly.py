"""The nightly workflow: who may write, what is pinned, and its scripts, run against a repository and a GitHub of paper."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
JOBS = WORKFLOW["jobs"]
OUTPUTS = ROOT / ".github/drift_outputs.py"

GH = """#!/usr/bin/env bash
echo "gh $*" >> "$GH_LOG"
case "$1 $2" in
  "pr list" | "issue list") [ -z "$OPEN" ] || echo "$OPEN" ;;
esac
"""


def script(job: str, name: str) -> str:
    (step,) = [step for step in JOBS[job]["steps"] if step.get("name") == name]
    return str(step["run"])


def test_no_job_may_do_more_than_it_says_and_only_those_that_run_nothing_may_write() -> None:
    assert WORKFLOW["permissions"] == {}
    writing = {name for name, job in JOBS.items() if "write" in job["permissions"].values()}
    assert writing == {"propose", "tell"}
    for name in writing:
        assert "nox" not in json.dumps(JOBS[name])
        assert "secrets." not in json.dumps(JOBS[name])


def test_every_action_is_pinned_by_its_hash() -> None:
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in used)


def test_only_the_check_itself_gets_the_key() -> None:
    having = [step["name"] for job in JOBS.values() for step in job["steps"] if "ALLIUM_API_KEY" in step.get("env", {})]
    assert having == ["Check"]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["none"], "verdict=none\nunchecked=0\n"),
        (["unchecked", "none"], "verdict=none\nunchecked=0\n"),
        (["none", "unchecked"], "verdict=unchecked\nunchecked=1\n"),
        (["unchecked"] * 3, "verdict=unchecked\nunchecked=3\n"),
        (["breaking", *["unchecked"] * 4], "verdict=unchecked\nunchecked=4\n"),
    ],
)
def test_the_outputs_of_the_check(verdicts: list[str], expected: str, tmp_path: Path) -> None:
    (tmp_path / "drift.json").write_text(json.dumps({"verdict": verdicts[-1]}))
    (tmp_path / "history.jsonl").write_text("".join(json.dumps({"verdict": one}) + "\n" for one in verdicts))
    done = subprocess.run(
        [sys.executable, OUTPUTS, tmp_path / "drift.json", tmp_path / "history.jsonl"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == expected


def test_a_verdict_that_nobody_knows_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "drift.json").write_text('{"verdict": "none\\nunchecked=3"}')
    done = subprocess.run(
        [sys.executable, OUTPUTS, tmp_path / "drift.json", os.devnull], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")


class Paper:
    """A clone with an origin, and a ``gh`` that writes down what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clone, self.origin, self.log = folder / "clone", folder / "origin.git", folder / "gh.log"
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            monkeypatch.delenv(name, raising=False)
        self.git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.git(folder, "clone", "--quiet", str(self.origin), str(self.clone))
        for name, text in {"spec/a.md": "old\n", "generated/b.py": "B = 1\n", "noxfile.py": "\n"}.items():
            (self.clone / name).parent.mkdir(exist_ok=True)
            (self.clone / name).write_text(text)
        self.git(self.clone, "checkout", "--quiet", "-B", "main")
        self.git(self.clone, "add", ".")
        self.git(self.clone, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "first")
        self.git(self.clone, "push", "--quiet", "origin", "main")
        (folder / "bin").mkdir()
        (folder / "bin/gh").write_text(GH)
        (folder / "bin/gh").chmod(0o755)
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"

    def git(self, where: Path, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=True).stdout

    def run(self, text: str, **env: str) -> list[str]:
        """Run a script as the workflow does; gives what ``gh`` was asked."""
        self.log.write_text("")
        more = {"PATH": self.path, "GH_LOG": str(self.log), **env}
        subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text],
            cwd=self.clone,
            env={**os.environ, **more},
            check=True,
            timeout=60,
        )
        return self.log.read_text().splitlines()


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paper:
    return Paper(tmp_path, monkeypatch)


def patch(paper: Paper) -> None:
    """What the check hands over: a changed file, a new one, and one that it has no business with."""
    report = paper.clone / "drift-report"
    report.mkdir(exist_ok=True)
    (paper.clone / "spec/a.md").write_text("new\n")
    (paper.clone / "generated/c.py").write_text("C = 1\n")
    (paper.clone / "noxfile.py").write_text("evil\n")
    lines = script("check", "Regenerate and test").splitlines()
    paper.run("\n".join(line for line in lines if line.startswith("git ")))
    foreign = paper.git(paper.clone, "diff", "--", "noxfile.py")
    with (report / "update.patch").open("a") as file:
        file.write(foreign)
    (report / "body.md").write_text("# Drift\n")
    paper.git(paper.clone, "reset", "--quiet", "--hard")
    paper.git(paper.clone, "clean", "--quiet", "--force", "generated")


PROPOSE = {"BASE": "main", "BRANCH": "drift/upstream", "VERDICT": "breaking"}


def test_drift_opens_a_pull_request_with_the_tree_and_nothing_else(paper: Paper) -> None:
    patch(paper)
    asked = paper.run(script("propose", "Open or update the one pull request"), **PROPOSE, OPEN="")
    assert asked[-1].startswith("gh pr create --head drift/upstream --base main --title Upstream drift: breaking")
    changed = paper.git(paper.origin, "diff", "--name-only", "main", "drift/upstream").split()
    assert changed == ["generated/c.py", "spec/a.md"]


def test_the_next_night_updates_the_same_pull_request(paper: Paper) -> None:
    text = script("propose", "Open or update the one pull request")
    patch(paper)
    paper.run(text, **PROPOSE, OPEN="")
    paper.git(paper.clone, "switch", "--quiet", "main")
    asked = paper.run(text, **PROPOSE, OPEN="7")
    assert any(line.startswith("gh pr edit 7 ") for line in asked)
    assert not any(line.startswith("gh pr create") for line in asked)
    assert paper.git(paper.origin, "rev-list", "--count", "main..drift/upstream") == "1\n"


def test_drift_of_the_server_alone_opens_one_too(paper: Paper) -> None:
    report = paper.clone / "drift-report"
    report.mkdir()
    (report / "update.patch").write_text("")
    asked = paper.run(script("propose", "Open or update the one pull request"), **PROPOSE, OPEN="")
    assert asked[-1].startswith("gh pr create")


@pytest.mark.parametrize(("open_", "created"), [("", True), ("3", False)])
def test_one_issue_and_no_second(open_: str, created: bool, paper: Paper) -> None:
    asked = paper.run(script("tell", "Open one issue"), OPEN=open_, TITLE="x")
    assert any(line.startswith("gh issue create") for line in asked) is created

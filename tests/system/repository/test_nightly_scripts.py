"""The scripts of the nightly workflow, run in a temporary repository with a stand-in for ``gh``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())["jobs"]

GH = """#!/usr/bin/env bash
echo "gh $*" >> "$GH_LOG"
case "$1 $2" in
  "pr list" | "issue list") [ -z "$OPEN" ] || echo "$OPEN" ;;
esac
"""


def script(job: str, name: str) -> str:
    (step,) = [step for step in JOBS[job]["steps"] if step.get("name") == name]
    return str(step["run"])


class Repository:
    """A clone with an origin, and a ``gh`` that logs its arguments."""

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
        """Run a script as the workflow does. Returns the calls of ``gh``."""
        self.log.write_text("")
        more = {"PATH": self.path, "GH_LOG": str(self.log), **env}
        subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text],
            cwd=self.clone,
            env={**os.environ, **more},
            check=True,
        )
        return self.log.read_text().splitlines()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(tmp_path, monkeypatch)


def write_patch(repository: Repository) -> None:
    """What the check job hands over: a changed file, a new file, and a file outside spec/ and generated/."""
    report = repository.clone / "drift-report"
    report.mkdir(exist_ok=True)
    (repository.clone / "spec/a.md").write_text("new\n")
    (repository.clone / "generated/c.py").write_text("C = 1\n")
    (repository.clone / "noxfile.py").write_text("evil\n")
    lines = script("check", "Regenerate and test").splitlines()
    repository.run("\n".join(line for line in lines if line.startswith("git ")))
    foreign = repository.git(repository.clone, "diff", "--", "noxfile.py")
    with (report / "update.patch").open("a") as file:
        file.write(foreign)
    (report / "body.md").write_text("# Drift\n")
    repository.git(repository.clone, "reset", "--quiet", "--hard")
    repository.git(repository.clone, "clean", "--quiet", "--force", "generated")


PROPOSE = {"BASE": "main", "BRANCH": "drift/upstream", "VERDICT": "breaking"}


def test_drift_opens_a_pull_request_with_spec_and_generated_only(repository: Repository) -> None:
    write_patch(repository)
    calls = repository.run(script("propose", "Open or update the one pull request"), **PROPOSE, OPEN="")
    assert calls[-1].startswith("gh pr create --head drift/upstream --base main --title Upstream drift: breaking")
    changed = repository.git(repository.origin, "diff", "--name-only", "main", "drift/upstream").split()
    assert changed == ["generated/c.py", "spec/a.md"]


def test_the_next_run_updates_the_same_pull_request(repository: Repository) -> None:
    text = script("propose", "Open or update the one pull request")
    write_patch(repository)
    repository.run(text, **PROPOSE, OPEN="")
    repository.git(repository.clone, "switch", "--quiet", "main")
    calls = repository.run(text, **PROPOSE, OPEN="7")
    assert any(line.startswith("gh pr edit 7 ") for line in calls)
    assert not any(line.startswith("gh pr create") for line in calls)
    assert repository.git(repository.origin, "rev-list", "--count", "main..drift/upstream") == "1\n"


def test_drift_of_the_server_alone_opens_a_pull_request(repository: Repository) -> None:
    report = repository.clone / "drift-report"
    report.mkdir()
    (report / "update.patch").write_text("")
    calls = repository.run(script("propose", "Open or update the one pull request"), **PROPOSE, OPEN="")
    assert calls[-1].startswith("gh pr create")


@pytest.mark.parametrize(("open_", "created"), [("", True), ("3", False)])
def test_a_second_issue_is_not_opened(open_: str, created: bool, repository: Repository) -> None:
    calls = repository.run(script("report_failure", "Open one issue"), OPEN=open_, TITLE="x")
    assert any(line.startswith("gh issue create") for line in calls) is created

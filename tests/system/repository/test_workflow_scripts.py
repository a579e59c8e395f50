"""The scripts of the workflows, run against a bare git repository with a stand-in for ``gh``."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = ROOT / ".github/workflows"
NIGHTLY: dict[str, Any] = yaml.safe_load((WORKFLOWS / "nightly.yml").read_text())["jobs"]
CI: dict[str, Any] = yaml.safe_load((WORKFLOWS / "ci.yml").read_text())["jobs"]
RELEASE: dict[str, Any] = yaml.safe_load((WORKFLOWS / "release.yml").read_text())["jobs"]
BRANCH = "drift/upstream"
TITLE = "The nightly drift check fails"
BOT = "41898282+github-actions[bot]@users.noreply.github.com"
NO_RUN = {"ALARM": "", "UNCHECKED": "", "VERDICT": ""}


def script(jobs: dict[str, Any], job: str, name: str) -> str:
    (step,) = [step for step in jobs[job]["steps"] if step.get("name") == name]
    return str(step["run"])


CHECK = script(NIGHTLY, "check", "Check")
REGENERATE = script(NIGHTLY, "check", "Regenerate and test")
PROPOSE = script(NIGHTLY, "propose", "Open, update or close the one pull request")
ISSUE = script(NIGHTLY, "failure_issue", "Open or close the one issue")


class Repository:
    """A clone with an origin, commands that replace ``gh`` and ``nox``, and what they keep."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clone, self.origin = folder, folder / "clone", folder / "origin.git"
        self.double, self.outputs = folder / "github.json", folder / "outputs"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT")}
        self.environment |= {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "GITHUB_DOUBLE": str(self.double),
            "GITHUB_OUTPUT": str(self.outputs),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GH_REPO": "owner/name",
            "RUN_URL": "https://github.example/run/1",
        }

    def build(self) -> None:
        """Make the repositories and the commands."""
        lists = ("calls", "broken", "pulls", "issues", "comments", "runs")
        self.double.write_text(json.dumps({**{name: [] for name in lists}, "workflows": {}}))
        (self.folder / "bin").mkdir()
        self.command("gh", f'exec {sys.executable} -I -S {Path(__file__).with_name("github_double.py")} "$@"')
        self.command("python3", f'exec {sys.executable} -S "$@"')
        self.git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.git(self.folder, "init", "--quiet", "--initial-branch=main", str(self.clone))
        self.git(self.clone, "remote", "add", "origin", "../origin.git")  # copies of the folder work
        shutil.copytree(ROOT / ".github", self.clone / ".github", ignore=shutil.ignore_patterns("__pycache__"))
        files = {"spec/a.md": "old\n", "spec/lock.toml": "retrieved = 1\n", "generated/d/b.py": "B = 1\n"}
        self.commit("first", "main", **files)

    def command(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def git(self, where: Path, *words: str) -> str:
        command = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *words]
        return subprocess.run(
            command, cwd=where, env=self.environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.clone / name).parent.mkdir(exist_ok=True, parents=True)
            (self.clone / name).write_text(text)

    def commit(self, message: str, branch: str, **files: str) -> None:
        """A commit by a person, pushed."""
        self.write(**files)
        self.git(self.clone, "add", "--all")
        self.git(self.clone, "commit", "--quiet", "--message", message)
        self.git(self.clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")

    def run(self, text: str, status: int = 0, **env: str) -> str:
        """Run a script as the workflow does. Returns what it printed."""
        process = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text],
            cwd=self.clone,
            env={**self.environment, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == status, process.stderr
        return process.stdout + process.stderr

    def state(self) -> dict[str, Any]:
        return json.loads(self.double.read_text())  # type: ignore[no-any-return]

    def set(self, **values: Any) -> None:
        self.double.write_text(json.dumps({**self.state(), **values}))

    def head(self, branch: str = BRANCH) -> str:
        return self.git(self.origin, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def write_report(self, verdict: str = "breaking", page: str = "new\n", day: int = 2, **report: Any) -> None:
        """What the check job hands over: a changed file, a new file, and a file that it may not change."""
        self.git(self.clone, "checkout", "--quiet", "--force", "main")
        folder = self.clone / "drift-report"
        folder.mkdir(exist_ok=True)
        (self.clone / "spec/a.md").write_text(page)
        (self.clone / "spec/lock.toml").write_text(f"retrieved = {day}\n")
        (self.clone / "generated/d/c.py").write_text("C = 1\n")
        (self.clone / ".github/scripts/rest.py").write_text("evil\n")
        lines = [line for line in REGENERATE.splitlines() if line.startswith("git ")]
        self.run("\n".join(lines))
        foreign = self.git(self.clone, "diff", "--", ".github")
        with (folder / "update.patch").open("a") as file:
            file.write(foreign + "\n")
        self.finish_report(verdict, **report)
        self.git(self.clone, "reset", "--quiet", "--hard")

    def finish_report(self, verdict: str, **report: Any) -> None:
        folder = self.clone / "drift-report"
        folder.mkdir(exist_ok=True)
        (folder / "body.md").write_text(f"# Drift: {verdict}\n")
        (folder / "drift.json").write_text(json.dumps({"verdict": verdict, "changes": [], **report}))
        if not (folder / "update.patch").exists():
            (folder / "update.patch").write_text("")

    def propose(self, verdict: str = "breaking", status: int = 0, starts: str = "false") -> str:
        self.git(self.clone, "checkout", "--quiet", "--force", "main")
        return self.run(PROPOSE, status, BASE="main", BRANCH=BRANCH, VERDICT=verdict, PUSHES_START_CHECKS=starts)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    Repository(folder).build()
    return folder


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Repository(tmp_path)


# --- The pull request ---


@pytest.mark.parametrize("verdict", ["docs", "breaking"])
def test_drift_opens_a_pull_request(verdict: str, repository: Repository) -> None:
    repository.write_report(verdict)
    repository.propose(verdict)
    (pull,) = repository.state()["pulls"]
    assert (pull["head"], pull["base"], pull["title"]) == (BRANCH, "main", f"Upstream drift: {verdict}")
    assert pull["body"].startswith(f"# Drift: {verdict}\n")
    changed = repository.git(repository.origin, "diff", "--name-only", "main", BRANCH).split()
    assert changed == ["generated/d/c.py", "spec/a.md", "spec/lock.toml"]
    assert repository.git(repository.origin, "log", "-1", "--format=%ae", BRANCH) == BOT


def test_drift_of_the_server_alone_opens_a_pull_request(repository: Repository) -> None:
    repository.finish_report("breaking", behaviour={"violations": ["more rows than limit"], "changed_readings": []})
    repository.propose()
    assert len(repository.state()["pulls"]) == 1
    assert repository.git(repository.origin, "diff", "--name-only", "main", BRANCH) == ""


def test_the_same_drift_the_next_night_changes_nothing(repository: Repository) -> None:
    """Only the day of retrieval differs."""
    repository.write_report(day=2)
    repository.propose()
    head, state = repository.head(), repository.state()
    repository.write_report(day=3)
    assert repository.propose() == "pull request 1 is up to date\n"
    assert repository.head() == head
    assert {**repository.state(), "calls": []} == {**state, "calls": []}
    assert not any(
        word in ("POST", "PATCH") for call in repository.state()["calls"][len(state["calls"]) :] for word in call
    )


@pytest.mark.parametrize(
    "other",
    [
        {"page": "newer\n"},
        {"verdict": "compatible"},
    ],
)
def test_another_drift_updates_the_same_pull_request(other: dict[str, Any], repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    head = repository.head()
    repository.write_report(**other)
    verdict = other.get("verdict", "breaking")
    repository.propose(verdict)
    (pull,) = repository.state()["pulls"]
    assert pull["title"] == f"Upstream drift: {verdict}"
    assert repository.head() != head
    assert repository.git(repository.origin, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert len(repository.state()["runs"]) == 2


def test_a_persons_commits_are_kept(repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    repository.git(repository.clone, "checkout", "--quiet", f"origin/{BRANCH}")
    repository.commit("A repair", BRANCH, **{"overlay.py": "repaired\n"})
    head = repository.head()
    repository.write_report()
    assert repository.propose() == "pull request 1 is up to date\n"
    repository.write_report(page="newer\n")
    repository.propose()
    assert repository.head() == head
    (pull,) = repository.state()["pulls"]
    assert "commits by other people, so it was not changed" in pull["body"]
    assert "update.patch" in pull["body"]
    assert repository.propose() == "pull request 1 is up to date\n"


def test_a_commit_that_came_meanwhile_is_not_overwritten(repository: Repository) -> None:
    """The branch changes after the script has read it and before the script pushes."""
    repository.write_report()
    repository.propose()
    repository.git(repository.clone, "checkout", "--quiet", f"origin/{BRANCH}")
    repository.commit("Meanwhile", "elsewhere", **{"overlay.py": "repaired\n"})
    wanted = repository.head("elsewhere")
    gh = (repository.folder / "bin/gh").read_text().splitlines()[1]
    move = f"git --git-dir={repository.origin} update-ref refs/heads/{BRANCH} {wanted}"
    repository.command("gh", f'case "$*" in *pulls*) {move} ;; esac\n{gh}')
    repository.write_report(page="newer\n")
    assert "git push" in repository.propose(status=1)
    assert repository.head() == wanted


def test_the_end_of_the_drift_closes_the_pull_request(repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    repository.propose("none")
    (pull,) = repository.state()["pulls"]
    assert pull["state"] == "closed"
    assert repository.head() == ""
    ((number, text),) = repository.state()["comments"]
    assert (number, text.startswith("The drift has ended")) == (1, True)
    assert repository.propose("none") == ""


def test_the_end_of_the_drift_keeps_a_persons_commits(repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    repository.git(repository.clone, "checkout", "--quiet", f"origin/{BRANCH}")
    repository.commit("A repair", BRANCH, **{"overlay.py": "repaired\n"})
    head = repository.head()
    repository.propose("none")
    assert (repository.head(), repository.state()["pulls"][0]["state"]) == (head, "closed")
    assert "The branch is kept" in repository.state()["comments"][0][1]


def test_a_drift_that_comes_back_is_proposed_again(repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    repository.propose("none")
    repository.write_report()
    repository.propose()
    assert [pull["state"] for pull in repository.state()["pulls"]] == ["closed", "open"]
    assert repository.head()


def test_a_forks_branch_of_that_name_is_not_touched(repository: Repository) -> None:
    stranger = {"number": 1, "state": "open", "label": f"stranger:{BRANCH}", "title": "mine", "body": "mine"}
    repository.set(pulls=[stranger])
    repository.write_report()
    repository.propose()
    repository.propose("none")
    assert repository.state()["pulls"][0] == stranger
    assert repository.state()["pulls"][1]["state"] == "closed"


def test_the_checks_are_started_once(repository: Repository) -> None:
    repository.write_report()
    repository.propose()
    assert repository.state()["runs"] == [{"workflow": "ci.yml", "head_sha": repository.head()}]
    repository.propose()
    assert len(repository.state()["runs"]) == 1
    assert "workflow_dispatch" in str(yaml.safe_load((WORKFLOWS / "ci.yml").read_text()))


def test_checks_that_could_not_be_started_are_started_later(repository: Repository) -> None:
    repository.write_report()
    repository.set(broken=["POST actions/workflows/ci.yml/dispatches"])
    assert "is broken" in repository.propose(status=1)
    repository.set(broken=[])
    repository.propose()
    assert repository.state()["runs"] == [{"workflow": "ci.yml", "head_sha": repository.head()}]


def test_another_token_starts_the_checks_by_itself(repository: Repository) -> None:
    repository.write_report()
    repository.propose(starts="true")
    assert len(repository.state()["pulls"]) == 1
    assert repository.state()["runs"] == []


def test_a_pull_request_that_may_not_be_opened_is_a_failure(repository: Repository) -> None:
    repository.write_report()
    repository.set(broken=["POST pulls"])
    assert "POST pulls is broken" in repository.propose(status=1)
    repository.set(broken=[])
    repository.propose()
    assert len(repository.state()["pulls"]) == 1


def test_a_shallow_clone_is_refused(repository: Repository) -> None:
    repository.commit("second", "main", a="a")
    repository.git(repository.folder, "clone", "--quiet", "--depth=1", f"file://{repository.origin}", "shallow")
    repository.clone = repository.folder / "shallow"
    assert "fetch-depth: 0" in repository.propose(status=1)


def test_a_long_report_fits_a_pull_request(repository: Repository) -> None:
    repository.write_report()
    (repository.clone / "drift-report/body.md").write_text("x" * 200_000)
    repository.propose()
    assert 60_000 < len(repository.state()["pulls"][0]["body"]) < 65_536
    assert repository.propose() == "pull request 1 is up to date\n"


# --- The check ---


def nox(repository: Repository, verdict: str | None, status: int, history: str = "none") -> None:
    """A ``nox`` that leaves a report with a verdict, and exits with a status."""
    lines = [f'printf \'{{"verdict": "{history}"}}\\n\' > history.jsonl', "mkdir -p drift-report"]
    if verdict:
        lines += [f'printf \'{{"verdict": "{verdict}"}}\\n\' | tee -a history.jsonl > drift-report/drift.json']
        lines += ["echo report > drift-report/drift.md"]
    repository.command("nox", "\n".join([*lines, f"exit {status}"]))


@pytest.mark.parametrize(
    ("verdict", "status"),
    [("none", 0), ("docs", 0), ("compatible", 3), ("breaking", 4), ("look", 5), ("unchecked", 1)],
)
def test_a_documented_status_is_green(verdict: str, status: int, repository: Repository) -> None:
    nox(repository, verdict, status)
    repository.run(CHECK)
    failures = int(verdict == "unchecked")
    assert repository.outputs.read_text() == f"verdict={verdict}\nunchecked={failures}\nalarm=false\n"
    assert (repository.folder / "summary.md").read_text() == "report\n"


@pytest.mark.parametrize("status", [2, 124, 137, 143])
@pytest.mark.parametrize("verdict", ["unchecked", "breaking", None])
def test_any_other_status_is_red(verdict: str | None, status: int, repository: Repository) -> None:
    nox(repository, verdict, status)
    assert f"exit status {status}" in repository.run(CHECK, 1).replace("exited with status", "exit status")
    assert not repository.outputs.exists() or repository.outputs.read_text() == ""


@pytest.mark.parametrize(("verdict", "status"), [("none", 1), ("breaking", 0), ("unchecked", 0), ("other", 0)])
def test_a_status_that_does_not_fit_the_verdict_is_red(verdict: str, status: int, repository: Repository) -> None:
    nox(repository, verdict, status)
    assert "does not fit" in repository.run(CHECK, 1)


def test_a_check_without_a_report_is_red(repository: Repository) -> None:
    for status in (0, 1, 3, 4, 5):
        nox(repository, None, status)
        assert "::error::the check did not run" in repository.run(CHECK, 1)


def test_failures_without_a_run_that_worked_raise_the_alarm(repository: Repository) -> None:
    """The history may be lost every night."""
    nox(repository, "unchecked", 1, history="unchecked")
    repository.run(CHECK)
    assert repository.outputs.read_text().endswith("alarm=true\n")


@pytest.mark.parametrize(
    ("update", "tests", "parts"),
    [
        (0, 0, ["This pull request has the new page", "They pass."]),
        (1, 1, ["was not generated from the new page", "update_spec says", "They fail.", "tests says"]),
        (0, 124, ["This pull request has the new page", "They did not finish"]),
    ],
)
def test_the_pull_request_says_what_was_regenerated_and_tested(
    update: int, tests: int, parts: list[str], repository: Repository
) -> None:
    lines = [
        "seq 1000 | sed 's/^/a line that is long enough to fill the text /'",
        "printf '%s says\\n%s\\n' \"$2\" '``````'; echo new > spec/a.md",
        f'case "$2" in update_spec) [ "$*" = "-s update_spec -- --published --accept" ] && exit {update} ;; esac',
        f"exit {tests}",
    ]
    repository.command("nox", "\n".join(lines))
    repository.write(**{"drift-report/drift.md": "# Drift\n"})
    repository.run(REGENERATE)
    body = (repository.clone / "drift-report/body.md").read_text()
    assert body.startswith("# Drift\n")
    assert all(part in body for part in parts), body
    assert (body.count("````"), len(body) < 13_000) == (2 * (1 + bool(update)), True)
    assert "+new" in (repository.clone / "drift-report/update.patch").read_text()


# --- The issue ---


def issue(repository: Repository, **env: str) -> None:
    found = {"CHECK": "success", "PROPOSE": "skipped", "VERDICT": "unchecked", "UNCHECKED": "1", "ALARM": "false"}
    repository.run(ISSUE, 0, **{**found, **env})


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"UNCHECKED": "3", "ALARM": "true"}, "could not be made 3 times"),
        ({"CHECK": "failure", **NO_RUN}, "ended as `failure`"),
        ({"CHECK": "cancelled", **NO_RUN}, "ended as `cancelled`"),
        ({"VERDICT": "breaking", "PROPOSE": "failure"}, "There is drift"),
    ],
)
def test_a_failure_opens_one_issue(env: dict[str, str], text: str, repository: Repository) -> None:
    issue(repository, **env)
    issue(repository, **env)
    (opened,) = repository.state()["issues"]
    assert opened["title"] == TITLE
    assert text in opened["body"]
    assert "https://github.example/run/1" in opened["body"]


def test_one_failed_check_is_no_issue_and_closes_none(repository: Repository) -> None:
    issue(repository)
    assert repository.state()["issues"] == []
    issue(repository, ALARM="true")
    issue(repository)
    assert [found["state"] for found in repository.state()["issues"]] == ["open"]


def test_the_issue_has_the_report(repository: Repository) -> None:
    repository.finish_report("unchecked")
    (repository.clone / "drift-report/drift.md").write_text("# Drift: unchecked\n\nno route")
    issue(repository, ALARM="true")
    assert "no route" in repository.state()["issues"][0]["body"]


def test_a_check_that_works_closes_the_issue(repository: Repository) -> None:
    issue(repository, ALARM="true")
    issue(repository, VERDICT="breaking", PROPOSE="success", UNCHECKED="0")
    assert [found["state"] for found in repository.state()["issues"]] == ["closed"]
    assert repository.state()["comments"][0][1].startswith("The check works again")


def test_issues_of_others_with_that_title_do_not_count(repository: Repository) -> None:
    other = {"number": 1, "state": "open", "creator": "stranger", "title": TITLE}
    repository.set(issues=[other])
    issue(repository, ALARM="true")
    issue(repository, VERDICT="none", PROPOSE="success")
    assert [found["state"] for found in repository.state()["issues"]] == ["open", "closed"]


# --- The heartbeat ---

HEARTBEAT = script(CI, "heartbeat", "The nightly workflow still runs")


def ago(days: int) -> str:
    return f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("state", "created", "last", "status", "text"),
    [
        ("active", 400, 1, 0, "last ran on"),
        ("active", 400, 29, 0, "last ran on"),
        ("active", 400, 31, 1, "gh workflow run nightly.yml"),
        ("active", 2, None, 0, "last ran on"),
        ("active", 31, None, 1, "gh workflow run nightly.yml"),
        ("disabled_inactivity", 400, 1, 1, "gh workflow enable nightly.yml"),
        ("disabled_manually", 400, 1, 1, "gh workflow enable nightly.yml"),
        ("disabled_fork", 1, None, 0, "a fork"),
    ],
)
def test_a_silent_month_is_red(
    state: str, created: int, last: int | None, status: int, text: str, repository: Repository
) -> None:
    runs = [] if last is None else [{"workflow": "nightly.yml", "updated_at": ago(last)}]
    repository.set(workflows={"nightly.yml": {"state": state, "created_at": ago(created)}}, runs=runs)
    assert text in repository.run(HEARTBEAT, status)


def test_the_nightly_run_keeps_the_workflow_on_and_calls_the_monitor(repository: Repository) -> None:
    repository.run(script(NIGHTLY, "heartbeat", "Stay on"))
    path = "repos/owner/name/actions/workflows/nightly.yml/enable"
    assert repository.state()["calls"] == [["api", "--method", "PUT", path]]
    repository.command("curl", 'printf "%s\\n" "$@" > curl.log')
    call = script(NIGHTLY, "heartbeat", "Call the monitor")
    repository.run(call, HEARTBEAT_URL="")
    assert not (repository.clone / "curl.log").exists()
    repository.run(call, HEARTBEAT_URL="https://monitor.example/id")
    assert (repository.clone / "curl.log").read_text().endswith("\nhttps://monitor.example/id\n")


# --- The release ---


@pytest.mark.parametrize(
    ("tag", "heading", "problem"),
    [
        ("v1.2.3", "## 1.2.3 (2026-12-01)", ""),
        ("v1.2.4", "## 1.2.3 (2026-12-01)", "the tag is v1.2.4, the version in pyproject.toml 1.2.3"),
        ("v1.2.3", "## 1.2.3 (unreleased)", "CHANGELOG.md has no line"),
        ("v1.2.3", "## 1x2.3 (2026-12-01)", "CHANGELOG.md has no line"),
    ],
)
def test_a_release_needs_its_version_and_a_dated_changelog(
    tag: str, heading: str, problem: str, repository: Repository
) -> None:
    repository.write(
        **{"pyproject.toml": '[project]\nversion = "1.2.3"\n', "CHANGELOG.md": f"# Changelog\n\n{heading}\n"}
    )
    text = script(RELEASE, "build", "The tag is the version, and the changelog has its date")
    assert problem in repository.run(text, int(bool(problem)), GITHUB_REF_NAME=tag)

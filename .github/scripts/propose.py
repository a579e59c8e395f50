"""Keep one pull request for the drift: open it, update it, or close it when the drift has ended.

``python propose.py REPORTS``: the folder has drift.json, body.md and update.patch of the check. The environment has
VERDICT, BASE, BRANCH, RUN_URL, GH_REPO, PUSHES_START_CHECKS ("true" for a token that is not the
workflow's own) and GH_TOKEN for gh.

Running it twice does the same as running it once. A branch with commits by anybody else is never changed or deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from rest import api, git

NAME = "github-actions[bot]"
EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"
TRAILER = "Drift-State"
LONGEST_BODY = 65_000
"""Characters; GitHub allows 65,536."""

LEFT_ALONE = """\
> [!NOTE]
> This branch has commits by other people, so it was not changed. The newest update is `update.patch` in the artifact
> `drift-report` of {run}.

"""
ENDED = "The drift has ended: the published page and the server agree with the branch `{base}` again ({run}).{kept}"
KEPT = " The branch is kept, because it has commits by other people."


@dataclass(frozen=True)
class Branch:
    """The branch of the proposal on the server: its commit, the drift that it has, and whether others committed to it."""

    commit: str
    state: str
    is_shared: bool


@dataclass(frozen=True)
class Pull:
    """The open pull request of the branch."""

    number: int
    body: str


def main(reports: str) -> None:
    """Propose the drift, or end the proposal."""
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise SystemExit("the checkout must have the whole history (fetch-depth: 0)")
    git("config", "user.name", NAME)
    git("config", "user.email", EMAIL)
    verdict, base, name = os.environ["VERDICT"], os.environ["BASE"], os.environ["BRANCH"]
    branch, pull = read_branch(name), read_pull(name)
    if verdict == "none":
        end(name, base, branch, pull)
    else:
        propose(Path(reports), verdict, (base, name), branch, pull)


def read_branch(name: str) -> Branch | None:
    """The branch as it is on the server; None if it does not exist."""
    if not git("ls-remote", "origin", f"refs/heads/{name}"):
        return None
    git("fetch", "--quiet", "origin", f"+refs/heads/{name}:refs/remotes/origin/{name}")
    log = git("log", "-z", f"--format=%ae%n%(trailers:key={TRAILER},valueonly)", f"HEAD..origin/{name}")
    commits = [entry.split("\n") for entry in log.split("\0") if entry]
    states = [lines[1] for lines in commits if lines[0] == EMAIL and len(lines) > 1]
    is_shared = any(lines[0] != EMAIL for lines in commits)
    return Branch(git("rev-parse", f"origin/{name}"), states[0] if states else "", is_shared)


def read_pull(name: str) -> Pull | None:
    """The open pull request of the branch of this repository, not of a fork's branch with that name."""
    owner = os.environ["GH_REPO"].partition("/")[0]
    pulls = api("GET", f"pulls?state=open&head={owner}:{name}")
    return Pull(pulls[0]["number"], pulls[0]["body"] or "") if pulls else None


def end(name: str, base: str, branch: Branch | None, pull: Pull | None) -> None:
    """Close the pull request, and delete the branch if nobody else committed to it."""
    is_kept = branch is not None and branch.is_shared
    if pull:
        text = ENDED.format(base=base, run=os.environ["RUN_URL"], kept=KEPT if is_kept else "")
        api("POST", f"issues/{pull.number}/comments", body=text)
        api("PATCH", f"pulls/{pull.number}", state="closed")
        print(f"closed pull request {pull.number}")
    if branch and not is_kept:
        push(name, branch, "")
        print(f"deleted branch {name}")


def propose(reports: Path, verdict: str, names: tuple[str, str], branch: Branch | None, pull: Pull | None) -> None:
    """Make the branch and the pull request show the drift, unless they do."""
    base, name = names
    patch = reports / "update.patch"
    state = drift_state(json.loads((reports / "drift.json").read_text(encoding="utf-8")), patch.read_bytes())
    is_shared = branch is not None and branch.is_shared
    is_current = branch is not None and branch.state == state
    if not is_current and not is_shared:
        commit(patch, f"Upstream drift: {verdict}\n\n{TRAILER}: {state}")
        push(name, branch, "HEAD")
        print(f"pushed to {name}")
    if not is_shared:
        start_checks(name)
    note = LEFT_ALONE.format(run=os.environ["RUN_URL"]) if is_shared and not is_current else ""
    show(reports / "body.md", f"Upstream drift: {verdict}", (base, name), pull, (state, note))


def drift_state(report: dict[str, object], patch: bytes) -> str:
    """A digest of the drift: equal for the same drift, whenever it is checked."""
    text = patch.decode("utf-8", "surrogateescape")
    # The day of retrieval differs every night, and with it the hashes of the lock file.
    lines = [line for line in text.splitlines() if not re.match(r"[-+ ]retrieved = |index [0-9a-f]+\.\.", line)]
    behaviour = report.get("behaviour")
    observed = [behaviour.get(key) for key in ("violations", "changed_readings")] if isinstance(behaviour, dict) else []
    changes = report["changes"]
    fingerprints = sorted(change["fingerprint"] for change in changes) if isinstance(changes, list) else []
    whole = json.dumps([report["verdict"], fingerprints, observed, lines], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:20]


def commit(patch: Path, message: str) -> None:
    """Commit the update on top of the base. Only files of spec/ and generated/ are taken from the patch."""
    git("switch", "--quiet", "--detach", "HEAD")
    if patch.stat().st_size:
        git("apply", "--index", "--include=spec/*", "--include=generated/*", str(patch))
    git("commit", "--quiet", "--allow-empty", "--message", message)


def push(name: str, branch: Branch | None, source: str) -> None:
    """Push, or delete for an empty source, but only if the branch is still as it was read."""
    ref = f"refs/heads/{name}"
    lease = f"--force-with-lease={ref}:{branch.commit if branch else ''}"
    git("push", "--quiet", lease, "origin", f"{source}:{ref}")


def start_checks(name: str) -> None:
    """Start the checks of the branch. Pushes with the workflow's own token do not start them, others do."""
    if os.environ["PUSHES_START_CHECKS"] == "true":
        return
    head = git("ls-remote", "origin", f"refs/heads/{name}").split()[0]
    if api("GET", f"actions/workflows/ci.yml/runs?head_sha={head}&per_page=1")["total_count"] == 0:
        api("POST", "actions/workflows/ci.yml/dispatches", ref=name)
        print("started the checks")


def show(body: Path, title: str, names: tuple[str, str], pull: Pull | None, marks: tuple[str, str]) -> None:
    """Open the pull request, or update its text if it shows another drift. A person's edits of the text are kept until then."""
    base, name = names
    state, note = marks
    mark = f"<!-- {TRAILER}: {state} -->"
    if pull and mark in pull.body:
        print(f"pull request {pull.number} is up to date")
        return
    text = f"{note}{body.read_text(encoding='utf-8', errors='replace')[:LONGEST_BODY]}\n\n{mark}\n"
    if pull:
        api("PATCH", f"pulls/{pull.number}", title=title, body=text)
        print(f"updated pull request {pull.number}")
    else:
        number = api("POST", "pulls", title=title, head=name, base=base, body=text)["number"]
        print(f"opened pull request {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])

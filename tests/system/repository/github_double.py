#!/usr/bin/env python3
"""A stand-in for ``gh``: the part of GitHub's REST API that the workflows use, with its state in the file $GITHUB_DOUBLE."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

STATE = Path(os.environ["GITHUB_DOUBLE"])
REPOSITORY = "repos/owner/name/"


def main(words: list[str]) -> int:
    state = json.loads(STATE.read_text())
    state["calls"].append(words)
    try:
        if words != ["auth", "setup-git"]:
            print(json.dumps(answer(state, words)))
    except LookupError as problem:
        print(f"gh: {problem} (HTTP 404)", file=sys.stderr)
        return 1
    finally:
        STATE.write_text(json.dumps(state))
    return 0


def answer(state: dict[str, Any], words: list[str]) -> Any:
    api, option, method, address = words[:4]
    assert (api, option) == ("api", "--method")
    assert address.startswith(REPOSITORY)
    path, _, query = address.removeprefix(REPOSITORY).partition("?")
    fields = json.load(sys.stdin) if words[4:] == ["--input", "-"] else {}
    if f"{method} {path}" in state["broken"]:
        raise LookupError(f"{method} {path} is broken")
    for pattern, respond in ROUTES.items():
        if match := re.fullmatch(pattern, f"{method} {path}"):
            return respond(
                state, {key: unquote(values[0]) for key, values in parse_qs(query).items()}, fields, *match.groups()
            )
    raise LookupError(f"{method} {path}: Not Found")


def pulls(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any]) -> list[Any]:
    assert query["state"] == "open"
    return [pull for pull in state["pulls"] if pull["state"] == "open" and pull["label"] == query["head"]]


def open_pull(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any]) -> Any:
    pull = {"number": number(state), "state": "open", "label": f"owner:{fields['head']}", **fields}
    state["pulls"].append(pull)
    return pull


def edit(kind: str) -> Any:
    def respond(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any], wanted: str) -> Any:
        (item,) = [item for item in state[kind] if item["number"] == int(wanted)]
        return item.update(fields)

    return respond


def comment(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any], wanted: str) -> None:
    state["comments"].append([int(wanted), fields["body"]])


def issues(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any]) -> list[Any]:
    assert query["state"] == "open"
    return [issue for issue in state["issues"] if issue["state"] == "open" and issue["creator"] == query["creator"]]


def open_issue(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any]) -> Any:
    issue = {"number": number(state), "state": "open", "creator": "github-actions[bot]", **fields}
    state["issues"].append(issue)
    return issue


def runs(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any], workflow: str) -> Any:
    found = [run for run in state["runs"] if run["workflow"] == workflow]
    if "head_sha" in query:
        found = [run for run in found if run["head_sha"] == query["head_sha"]]
    return {"total_count": len(found), "workflow_runs": found[:1]}


def dispatch(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any], workflow: str) -> None:
    origin = ["git", "ls-remote", "origin", f"refs/heads/{fields['ref']}"]
    head = subprocess.run(origin, capture_output=True, text=True, check=True).stdout.split()[0]
    state["runs"].append({"workflow": workflow, "head_sha": head})


def workflow(state: dict[str, Any], query: dict[str, str], fields: dict[str, Any], name: str) -> Any:
    return state["workflows"][name]


def number(state: dict[str, Any]) -> int:
    return 1 + len(state["pulls"]) + len(state["issues"])


ROUTES = {
    "GET pulls": pulls,
    "POST pulls": open_pull,
    "PATCH pulls/([0-9]+)": edit("pulls"),
    "GET issues": issues,
    "POST issues": open_issue,
    "PATCH issues/([0-9]+)": edit("issues"),
    "POST issues/([0-9]+)/comments": comment,
    "GET actions/workflows/([a-z.]+)/runs": runs,
    "POST actions/workflows/([a-z.]+)/dispatches": dispatch,
    "GET actions/workflows/([a-z.]+)": workflow,
    "PUT actions/workflows/([a-z.]+)/enable": lambda *_: None,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

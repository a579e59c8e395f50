"""GitHub's REST API through the command ``gh``, and git; used by the scripts of the workflows."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any


def api(method: str, path: str, **fields: Any) -> Any:
    """One request for a path below this repository, e.g. ``pulls``. Returns the decoded response, None if it is empty."""
    command = ["gh", "api", "--method", method, f"repos/{os.environ['GH_REPO']}/{path}"]
    if fields:
        command += ["--input", "-"]
    answer = _run(command, json.dumps(fields) if fields else "")
    return json.loads(answer) if answer.strip() else None


def git(*words: str) -> str:
    """The output of a git command, without the line end."""
    return _run(["git", *words], "").rstrip("\n")


def _run(command: list[str], text: str) -> str:
    process = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if process.returncode:
        reason = process.stderr.strip() or process.stdout.strip()
        raise SystemExit(f"{' '.join(command[:5])} failed with status {process.returncode}: {reason}")
    return process.stdout

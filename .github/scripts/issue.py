"""Keep one issue while the nightly drift check fails: open it, and close it when the check works again.

``python issue.py REPORTS``: the folder may have drift.md. The environment has CHECK and PROPOSE (results of these jobs),
VERDICT, UNCHECKED and ALARM (outputs of the check, empty if it did not finish), RUN_URL, GH_REPO, and GH_TOKEN for gh.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rest import api

TITLE = "The nightly drift check fails"
AUTHOR = "github-actions%5Bbot%5D"
"""Issues of that title by other people are not ours."""


def main(reports: str) -> None:
    """Open, keep or close the issue."""
    number = open_issue()
    problem = failure()
    if problem and number is None:
        report = Path(reports, "drift.md")
        text = report.read_text(encoding="utf-8", errors="replace")[:60_000] if report.is_file() else ""
        body = f"{problem}: {os.environ['RUN_URL']}\n\n{text}"
        print(f"opened issue {api('POST', 'issues', title=TITLE, body=body)['number']}")
    elif number is not None and works():
        api("POST", f"issues/{number}/comments", body=f"The check works again: {os.environ['RUN_URL']}")
        api("PATCH", f"issues/{number}", state="closed")
        print(f"closed issue {number}")


def failure() -> str:
    """What fails; "" if nothing does, or not often enough to say so."""
    if os.environ["CHECK"] != "success":
        return f"The job of the check ended as `{os.environ['CHECK']}`"
    if os.environ["PROPOSE"] not in ("success", "skipped"):
        return f"There is drift, but the job of its pull request ended as `{os.environ['PROPOSE']}`"
    if os.environ["ALARM"] == "true":
        return f"The check could not be made {os.environ['UNCHECKED']} times in a row"
    return ""


def works() -> bool:
    """True if the check gave a result in this run."""
    return not failure() and os.environ["VERDICT"] != "unchecked"


def open_issue() -> int | None:
    """The number of the open issue."""
    issues = api("GET", f"issues?state=open&creator={AUTHOR}&per_page=100")
    return next((issue["number"] for issue in issues if issue["title"] == TITLE and "pull_request" not in issue), None)


if __name__ == "__main__":
    main(*sys.argv[1:])

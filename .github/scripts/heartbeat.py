"""Fail if the nightly workflow has been silent for a month, or is switched off. GH_REPO, and GH_TOKEN for gh.

Every push and pull request runs this. GitHub switches scheduled workflows off after 60 days without activity.
"""

from __future__ import annotations

import datetime as dt

from rest import api

WORKFLOW = "actions/workflows/nightly.yml"
LONGEST = dt.timedelta(days=30)


def main() -> None:
    """Print when the workflow last ran, or fail with what to do."""
    workflow = api("GET", WORKFLOW)
    if workflow["state"] == "disabled_fork":
        print("this is a fork, where the nightly workflow does not run")
        return
    if workflow["state"] != "active":
        raise SystemExit(f"the nightly workflow is off ({workflow['state']}): gh workflow enable nightly.yml")
    runs = api("GET", f"{WORKFLOW}/runs?status=completed&per_page=1")["workflow_runs"]
    last = dt.datetime.fromisoformat(runs[0]["updated_at"] if runs else workflow["created_at"])
    if dt.datetime.now(dt.UTC) - last > LONGEST:
        raise SystemExit(f"the nightly workflow last ran on {last:%Y-%m-%d}: gh workflow run nightly.yml, and see why")
    print(f"the nightly workflow last ran on {last:%Y-%m-%d}")


if __name__ == "__main__":
    main()

"""Outputs for the nightly workflow: the verdict of a drift check, and whether its failures need attention.

``python outputs.py STATUS REPORT HISTORY`` prints lines ``name=value``: ``verdict``, ``unchecked`` (how many runs in a row
failed) and ``alarm``. It fails for a verdict that it does not know, and for an exit status that does not fit the verdict.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

STATUSES = {"none": 0, "docs": 0, "compatible": 3, "breaking": 4, "look": 5, "unchecked": 1}
"""The exit status of ``allium-md drift`` for each verdict."""

ALARM = 3
"""How many failed checks in a row need attention."""


def main(status: str, report: str, history: str) -> None:
    """Print the outputs."""
    verdict = json.loads(Path(report).read_text(encoding="utf-8"))["verdict"]
    if STATUSES.get(verdict) != int(status):
        raise SystemExit(f"the check exited with status {status}, which does not fit its verdict {verdict!r}")
    verdicts = _verdicts(Path(history))
    newest_first = enumerate(reversed(verdicts))
    failures = next((count for count, past in newest_first if past != "unchecked"), len(verdicts))
    # Without a run that worked, the history may have been lost, and more runs may have failed than it has.
    alarm = failures >= ALARM or failures == len(verdicts)
    print(f"verdict={verdict}")
    print(f"unchecked={failures}")
    print(f"alarm={'true' if alarm else 'false'}")


def _verdicts(history: Path) -> list[str]:
    """The verdict of each run; the last line of a run counts."""
    try:
        lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines() if line.strip()]
        return list({line.get("run") or number: line["verdict"] for number, line in enumerate(lines)}.values())
    except (ValueError, KeyError, AttributeError, TypeError) as problem:
        raise SystemExit(
            f"{history} is broken ({problem!r}): delete the caches drift-history-* to start again"
        ) from None


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Outputs for the nightly workflow: the verdict of a drift report, and how many runs in a row failed ("unchecked")."""

import json
import sys
from pathlib import Path

VERDICTS = ("none", "docs", "compatible", "breaking", "unchecked")


def main(report: str, history: str) -> None:
    """Print both as lines ``name=value``. An unknown verdict is an error."""
    verdict = json.loads(Path(report).read_text(encoding="utf-8"))["verdict"]
    if verdict not in VERDICTS:
        raise SystemExit(f"{report}: unknown verdict {verdict!r}")
    verdicts = [json.loads(line)["verdict"] for line in Path(history).read_text(encoding="utf-8").splitlines() if line]
    newest_first = enumerate(reversed(verdicts))
    failures = next((count for count, past in newest_first if past != "unchecked"), len(verdicts))
    print(f"verdict={verdict}")
    print(f"unchecked={failures}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What the nightly workflow asks of a report and a history: the verdict, and how many runs in a row could not check."""

import json
import sys
from pathlib import Path

VERDICTS = ("none", "docs", "compatible", "breaking", "unchecked")


def main(report: str, history: str) -> None:
    """Print both as lines ``name=value``; anything but a known verdict is an error."""
    verdict = json.loads(Path(report).read_text(encoding="utf-8"))["verdict"]
    if verdict not in VERDICTS:
        raise SystemExit(f"{report}: unknown verdict {verdict!r}")
    runs = [json.loads(line)["verdict"] for line in Path(history).read_text(encoding="utf-8").splitlines() if line]
    known = next((count for count, found in enumerate(reversed(runs)) if found != "unchecked"), len(runs))
    print(f"verdict={verdict}")
    print(f"unchecked={known}")


if __name__ == "__main__":
    main(*sys.argv[1:])

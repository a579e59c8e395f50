"""Finished runs of the kill matrix in a file, a line each, so that a matrix that was interrupted goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.kill_run import Outcome


@dataclass
class Notes:
    """What is known of each run by now, and the file that remembers it; without a file, nothing is remembered."""

    path: Path | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of runs of the suite."""
    found: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of runs of schemathesis."""

    def __post_init__(self) -> None:
        if self.path is not None and self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._read(json.loads(line))

    def _read(self, note: dict[str, Any]) -> None:
        if "found" in note:
            self.found[note["run"]] = frozenset(note["found"])
        else:
            failed = {test: frozenset(clauses) for test, clauses in note["failed"].items()}
            self.outcomes[note["run"]] = Outcome(note["passed"], failed, note["seconds"])

    def knows(self, run: str) -> bool:
        """Need it not be run again?"""
        return run in self.outcomes or run in self.found

    def add(self, run: str, result: Outcome | frozenset[str]) -> None:
        """Note a finished run. One that broke off is not remembered, so that it is tried again."""
        if isinstance(result, frozenset):
            self.found[run] = result
            self._write({"run": run, "found": sorted(result)})
            return
        self.outcomes[run] = result
        if not result.fault:
            failed = {test: sorted(clauses) for test, clauses in result.failed.items()}
            self._write({"run": run, "passed": result.passed, "failed": failed, "seconds": round(result.seconds, 1)})

    def _write(self, note: dict[str, Any]) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(note)}\n")

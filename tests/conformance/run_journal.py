"""Finished runs of the kill matrix in a file, one JSON line each, so that an interrupted matrix can be resumed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.kill_run import Outcome


@dataclass
class RunJournal:
    """The results of runs by name, kept in a file if there is one."""

    path: Path | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of the suite."""
    failures: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of schemathesis: the kinds of failure that it reports."""

    def __post_init__(self) -> None:
        if self.path is not None and self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._read(json.loads(line))

    def _read(self, entry: dict[str, Any]) -> None:
        if "failures" in entry:
            self.failures[entry["run"]] = frozenset(entry["failures"])
        else:
            failed = {test: frozenset(clauses) for test, clauses in entry["failed"].items()}
            self.outcomes[entry["run"]] = Outcome(
                entry["passed"], failed, entry["seconds"], "", entry["requests"], entry["not_shown"]
            )

    def has(self, run: str) -> bool:
        """True if the result of ``run`` is known."""
        return run in self.outcomes or run in self.failures

    def add(self, run: str, result: Outcome | frozenset[str]) -> None:
        """Keep the result of a run. A run that broke off is not written to the file, so that it is repeated."""
        if isinstance(result, frozenset):
            self.failures[run] = result
            self._write({"run": run, "failures": sorted(result)})
            return
        self.outcomes[run] = result
        if not result.error:
            failed = {test: sorted(clauses) for test, clauses in result.failed.items()}
            numbers = {"requests": result.requests, "not_shown": result.not_shown, "seconds": round(result.seconds, 1)}
            self._write({"run": run, "passed": result.passed, "failed": failed, **numbers})

    def _write(self, entry: dict[str, Any]) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(entry)}\n")

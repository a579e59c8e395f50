"""Failures that are expected of a target, each with its reason and date; strict, so one that passes is a failure."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True)
class ExpectedFailure:
    """A test that is known to fail: ``module.py::Class::test``, or with the parameters of one case behind it."""

    test: str
    reason: str
    date: dt.date

    def matches(self, node: str) -> bool:
        """Whether this is about the test of that node id, whatever stands before its module."""
        name = node.rpartition("/")[2]
        return self.test in {name, name.partition("[")[0]}


def path_of(target: str) -> Path:
    """Where the expected failures of a target are; most have none, and no file."""
    return FOLDER / f"{target}.xfails.toml"


def read(text: str) -> list[ExpectedFailure]:
    """The ``[[xfail]]`` of a file. `ValueError` unless each has a test, a reason and a date, and nothing else."""
    entries = tomllib.loads(text)
    if set(entries) - {"xfail"}:
        raise ValueError(f"only [[xfail]] is known here, not {', '.join(sorted(set(entries) - {'xfail'}))}")
    found = []
    for entry in entries.get("xfail", []):
        if set(entry) != {"test", "reason", "date"}:
            raise ValueError(f"an expected failure has a test, a reason and a date, and this one: {entry}")
        if not str(entry["reason"]).strip() or type(entry["date"]) is not dt.date:
            raise ValueError(f"an expected failure says why, and since which day: {entry}")
        found.append(ExpectedFailure(entry["test"], entry["reason"], entry["date"]))
    return found


def load(target: str) -> list[ExpectedFailure]:
    """The expected failures of a target."""
    path = path_of(target)
    return read(path.read_text(encoding="utf-8")) if path.is_file() else []

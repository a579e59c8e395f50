"""Failures that are known for a target, each with a reason and a date. They are strict: an unexpected pass fails."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SUFFIX: Final = ".expected-failures.toml"
_FIELDS: Final = {"test", "reason", "date"}


@dataclass(frozen=True)
class ExpectedFailure:
    """A test that is known to fail."""

    test: str
    """``module.py::Class::test``, or with the parameters of one case: ``module.py::Class::test[1m]``."""
    reason: str
    date: dt.date

    def matches(self, node_id: str) -> bool:
        """True if the pytest node id is that of this test, in whatever folder."""
        name = node_id.rpartition("/")[2]
        return self.test in {name, name.partition("[")[0]}


def path_of(target: str) -> Path:
    """The file of a target. Most targets have none."""
    return FOLDER / f"{target}{SUFFIX}"


def parse(text: str) -> list[ExpectedFailure]:
    """The entries of a file. Raises `ValueError` unless each has exactly a test, a reason and a date."""
    document = tomllib.loads(text)
    unknown = sorted(set(document) - {"expected_failure"})
    if unknown:
        raise ValueError(f"unknown key {', '.join(unknown)}: only [[expected_failure]] is allowed")
    return [_entry(entry) for entry in document.get("expected_failure", [])]


def _entry(entry: dict[str, object]) -> ExpectedFailure:
    if set(entry) != _FIELDS:
        raise ValueError(f"an expected failure has exactly the keys test, reason and date: {entry}")
    test, reason, date = str(entry["test"]), str(entry["reason"]), entry["date"]
    if not reason.strip() or type(date) is not dt.date:
        raise ValueError(f"an expected failure needs a reason, and a date such as 2026-05-01 without quotes: {entry}")
    return ExpectedFailure(test, reason, date)


def load(target: str, file: Path | None = None) -> list[ExpectedFailure]:
    """The expected failures in ``file``; by default those of a target."""
    path = file or path_of(target)
    return parse(path.read_text(encoding="utf-8")) if file or path.is_file() else []

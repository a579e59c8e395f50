"""What a run really exercised: answers, rows, clauses; and the properties that saw too little to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from .answers import Answer, UnreadableError


@dataclass
class Tally:
    """Counts the answers with rows that one property saw."""

    property: str
    answers: int = 0
    filled: int = 0
    rows: int = 0

    def saw(self, answer: Answer) -> Answer:
        """Count ``answer``, and hand it on."""
        self.answers += 1
        self.filled += bool(answer.rows)
        self.rows += len(answer.rows)
        return answer

    def shown(self, answers: int, rows: int = 0) -> None:
        """Fail as *not shown* unless so many answers had rows in them, and so many rows in all."""
        if self.filled < answers or self.rows < rows:
            pytest.fail(
                f"not shown: {self.property}: saw {self.filled} answers with rows (of {self.answers}; {self.rows} rows), "
                f"needs {answers} with {rows} rows",
                pytrace=False,
            )


@dataclass
class Account:
    """The sums of a run; those of several workers add up."""

    requests: int = 0
    answers: int = 0
    filled: int = 0
    rows: int = 0
    refusals: int = 0
    clauses: set[str] = field(default_factory=set)
    unknown_fields: set[str] = field(default_factory=set)

    def count(self, answers: Iterable[Answer]) -> None:
        """Add these answers. One that cannot be read counts, and has no rows."""
        for answer in answers:
            self.answers += 1
            try:
                rows = len(answer.rows)
            except UnreadableError:
                continue
            self.filled += rows > 0
            self.rows += rows

    def add(self, other: Account) -> None:
        """Add what another worker did."""
        self.requests += other.requests
        self.answers += other.answers
        self.filled += other.filled
        self.rows += other.rows
        self.refusals += other.refusals
        self.clauses |= other.clauses
        self.unknown_fields |= other.unknown_fields

    def to_plain(self) -> dict[str, Any]:
        """Only numbers, lists and text, as one process hands them to another."""
        sums = {name: getattr(self, name) for name in ("requests", "answers", "filled", "rows", "refusals")}
        return {**sums, "clauses": sorted(self.clauses), "unknown_fields": sorted(self.unknown_fields)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Account:
        """The other way."""
        sets = {name: set(plain[name]) for name in ("clauses", "unknown_fields")}
        return cls(**{**plain, **sets})

    def lines(self, known: int) -> list[str]:
        """For people; ``known`` is how many clauses there are."""
        lines = [
            f"{self.requests} requests, {self.answers} answers ({self.filled} with rows), {self.refusals} refusals",
            f"{self.rows} rows, {len(self.clauses)} of {known} clauses exercised",
        ]
        if self.unknown_fields:
            lines.append(f"fields that the document does not know: {', '.join(sorted(self.unknown_fields))}")
        return lines

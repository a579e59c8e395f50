"""The clauses of the specification and its open questions: spec/clauses.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .document import ROOT


@dataclass(frozen=True)
class Clause:
    """One normative sentence."""

    id: str
    quote: str


@dataclass(frozen=True)
class OpenQuestion:
    """A question that no sentence answers, and the names of its readings."""

    id: str
    question: str
    plain: str
    """The reading that the sandbox follows by default."""
    readings: tuple[str, ...]


@dataclass(frozen=True)
class Clauses:
    """All clauses and open questions, by id."""

    clauses: dict[str, Clause]
    open_questions: dict[str, OpenQuestion]

    @classmethod
    def load(cls, path: Path = ROOT / "spec/clauses.toml") -> Clauses:
        """Read the file."""
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        clauses = [Clause(entry["id"], entry["quote"]) for entry in raw["clause"]]
        questions = [
            OpenQuestion(entry["id"], entry["question"], entry["plain"], tuple(entry["readings"]))
            for entry in raw["open_question"]
        ]
        return cls({clause.id: clause for clause in clauses}, {question.id: question for question in questions})


def collapse_whitespace(text: str) -> str:
    """``text`` with every run of white space replaced by one space."""
    return " ".join(text.split())

"""The words that all reports begin with."""

from __future__ import annotations

from ..model import Change, Level
from .report import Report

_WORDS = {
    Level.NONE: "no drift",
    Level.DOCS: "only wording or examples changed",
    Level.COMPATIBLE: "changed, and this client need not know",
    Level.BREAKING: "changed, and callers have to know",
}


def headline(report: Report) -> str:
    """The verdict in a line: ``breaking: changed, and callers have to know (2 breaking, 1 docs)``."""
    counts = [(len(report.judgement.at(level)), level) for level in reversed(Level)]
    said = ", ".join(f"{count} {level}" for count, level in counts if count)
    words = "the server could not be looked at" if report.unchecked else _WORDS[report.verdict]
    return f"{report.word}: {words}{f' ({said})' if said else ''}"


def note_of(change: Change) -> str:
    """The level, and what takes from it: an acceptance, or that it is not certain."""
    accepted = f", accepted until {change.accepted.until}" if change.accepted else ""
    return f"{change.level}{', cannot tell' if change.cannot_tell else ''}{accepted}"

"""The texts that all reports share."""

from __future__ import annotations

from ..model import Change, Level
from ..result import CheckResult

_LEVELS = {
    Level.NONE: "no drift",
    Level.DOCS: "only wording or examples changed",
    Level.COMPATIBLE: "the API changed, but nothing that callers rely on",
    Level.LOOK: "a person has to read what the page now says",
    Level.BREAKING: "the API changed in a way that can break callers",
}


def summary(result: CheckResult) -> str:
    """The verdict in one line: ``docs: only wording or examples changed (2 docs)``."""
    counts = [(len(result.judgement.at(level)), level) for level in reversed(Level)]
    counted = ", ".join(f"{count} {level}" for count, level in counts if count)
    text = "the server could not be checked" if result.is_unchecked else _LEVELS[result.level]
    return f"{result.verdict}: {text}{f' ({counted})' if counted else ''}"


def level_text(change: Change) -> str:
    """The level of a change, with its acceptance and its uncertainty."""
    accepted = f", accepted until {change.accepted.until}" if change.accepted else ""
    return f"{change.level}{', cannot tell' if change.cannot_tell else ''}{accepted}"

"""What a run of the drift check found: the judgement, what it was made of, when it was seen, and how the server behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..model import Judgement, Level

UNCHECKED: Final = "unchecked"
"""The verdict of a run that could not check."""


@dataclass(frozen=True, slots=True)
class Seen:
    """When a change was first and last seen (ISO 8601, UTC), and in how many runs."""

    first: str
    last: str
    runs: int


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server behaves, beside the document.

    ``case`` is a slug: ``document-moved``, ``server-moved``, ``both``, ``neither`` or ``could-not-look``; ``sentence`` says
    it in words. ``violations`` are sentences of the specification that the server breaks; ``moved`` are open questions that
    it answers differently: the question, the reading on record and the reading seen. ``note`` says what was not looked at.
    """

    case: str
    sentence: str
    violations: tuple[str, ...] = ()
    moved: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    failed: bool = False
    """Whether the server was to be looked at and could not be: then the run has not shown that nothing moved."""

    @property
    def level(self) -> Level:
        """What the behaviour alone amounts to: a violation is breaking, an open question answered anew is compatible."""
        if self.violations:
            return Level.BREAKING
        return Level.COMPATIBLE if self.moved else Level.NONE

    def data(self) -> dict[str, Any]:
        """The behaviour as plain JSON data."""
        return {
            "case": self.case,
            "sentence": self.sentence,
            "level": str(self.level),
            "violations": list(self.violations),
            "moved": [{"question": name, "old": old, "new": new} for name, old, new in self.moved],
            "note": self.note,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says, whatever its format.

    ``baseline`` and ``upstream`` name the two sides, ``made`` is the time of the run (ISO 8601, UTC), ``version`` that of
    this package. ``seen`` knows changes by their fingerprint.
    """

    judgement: Judgement
    baseline: str
    upstream: str
    made: str
    version: str
    seen: Mapping[str, Seen] = field(default_factory=dict)
    behaviour: Behaviour | None = None

    @property
    def verdict(self) -> Level:
        """The judgement's verdict, raised by the behaviour of the server."""
        return max(self.judgement.verdict, self.behaviour.level if self.behaviour else Level.NONE)

    @property
    def unchecked(self) -> bool:
        """Whether part of the check could not be made, and the rest found nothing that matters."""
        return self.behaviour is not None and self.behaviour.failed and self.verdict < Level.COMPATIBLE

    @property
    def word(self) -> str:
        """The verdict as reports and the history give it: a level, or ``unchecked``."""
        return UNCHECKED if self.unchecked else str(self.verdict)

    def data(self) -> dict[str, Any]:
        """The report as plain JSON data; each change with ``first_seen`` and ``last_seen`` (None where not on record)."""
        data = self.judgement.data()
        for change in data["changes"]:
            seen = self.seen.get(change["fingerprint"])
            change["first_seen"] = seen.first if seen else None
            change["last_seen"] = seen.last if seen else None
        return {
            **data,
            "verdict": self.word,
            "behaviour": self.behaviour.data() if self.behaviour else None,
            "baseline": self.baseline,
            "upstream": self.upstream,
            "made": self.made,
            "version": self.version,
        }

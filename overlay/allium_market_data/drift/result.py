"""The result of one run of the drift check: what changed, when each change was seen, and how the server behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from .model import Judgement, Level

UNCHECKED: Final = "unchecked"
"""The verdict of a run that could not check."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """When a change was first and last seen (ISO 8601, UTC), and in how many runs."""

    first: str
    last: str
    runs: int


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server behaves, compared with the specification and with the recorded profile.

    ``case`` is ``document-changed``, ``server-changed``, ``both``, ``neither`` or ``not-observed``; ``sentence`` explains
    it. ``violations`` are sentences of the specification that the server breaks. ``changed_readings`` are open questions
    that it answers in another way: the question, the recorded answer, the observed answer. ``note`` lists what was not
    observed.
    """

    case: str
    sentence: str
    violations: tuple[str, ...] = ()
    changed_readings: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    failed: bool = False
    """True if the server should have been observed and was not: the run does not show that nothing changed."""

    @property
    def level(self) -> Level:
        """A violation is breaking, a changed reading is compatible."""
        if self.violations:
            return Level.BREAKING
        return Level.COMPATIBLE if self.changed_readings else Level.NONE

    def data(self) -> dict[str, Any]:
        """The behaviour as plain JSON data."""
        readings = [{"question": name, "old": old, "new": new} for name, old, new in self.changed_readings]
        return {**asdict(self), "level": str(self.level), "changed_readings": readings}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What every report is made from.

    ``baseline`` and ``upstream`` name the two sides, ``checked_at`` is the time of the run (ISO 8601, UTC), ``version`` the
    version of this package. ``sightings`` are keyed by the fingerprint of a change.
    """

    judgement: Judgement
    baseline: str
    upstream: str
    checked_at: str
    version: str
    sightings: Mapping[str, Sightings] = field(default_factory=dict)
    behaviour: Behaviour | None = None

    @property
    def level(self) -> Level:
        """The judgement's verdict, raised by the behaviour of the server."""
        return max(self.judgement.verdict, self.behaviour.level if self.behaviour else Level.NONE)

    @property
    def is_unchecked(self) -> bool:
        """True if the server could not be observed, and the rest found nothing that matters."""
        return self.behaviour is not None and self.behaviour.failed and self.level < Level.COMPATIBLE

    @property
    def verdict(self) -> str:
        """The level as text, or ``unchecked``."""
        return UNCHECKED if self.is_unchecked else str(self.level)

    def data(self) -> dict[str, Any]:
        """The result as plain JSON data; ``first_seen`` and ``last_seen`` of a change are null without a history."""
        data = self.judgement.data()
        for change in data["changes"]:
            sightings = self.sightings.get(change["fingerprint"])
            change["first_seen"] = sightings.first if sightings else None
            change["last_seen"] = sightings.last if sightings else None
        return {
            **data,
            "verdict": self.verdict,
            "behaviour": self.behaviour.data() if self.behaviour else None,
            "baseline": self.baseline,
            "upstream": self.upstream,
            "checked_at": self.checked_at,
            "version": self.version,
        }

"""What changed upstream, and what it breaks: a judge of two versions of the published specification.

``judge`` asks two questions of every operation of the baseline: is every new answer one that was allowed before, and is
every old request still allowed? ``schema`` and ``subset`` answer them for schemas, ``compare`` for whole documents,
``prose`` for the sentences that no document holds. ``example`` shows each break by a request or an answer, ``effect`` says
what it does to this client, ``names`` what it does to the generated package, and ``accepted`` takes out what a person has
looked at. All of it is pure: data in, the same judgement out. What cannot be read or compared is a `SpecError`.
"""

from __future__ import annotations

from .judge import judge
from .model import Change, Effect, Judgement, Level
from .source import Source

__all__ = ["Change", "Effect", "Judgement", "Level", "Source", "judge"]

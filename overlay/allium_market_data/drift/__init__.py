"""The drift check: what changed upstream, what it breaks, and what it does to this client.

`judge` compares two versions of the specification. Every new response must be one that was allowed before, and every old
request must still be allowed: ``schema`` decides this for two schemas, ``diff`` for whole documents and their prose.
``impact`` gives the effect on this client, on the generated package, and on the behaviour of the server. ``accepted`` marks
changes that a person has reviewed, and ``report`` renders the result. What cannot be read or compared is a `SpecError`.
"""

from __future__ import annotations

from .judge import judge
from .model import Change, Effect, Judgement, Level
from .source import Source

__all__ = ["Change", "Effect", "Judgement", "Level", "Source", "judge"]

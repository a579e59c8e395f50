"""Contract violations: a sandbox that answers wrongly on purpose, so that a suite can show that it notices.

Each breaks a clause of ``spec/clauses.toml`` whatever the reading, and can be seen with the bundled synthetic markets.
They are data: `VIOLATIONS` has them by name, and `violating` makes the endpoint that commits some of them::

    create_app(samples, reading, endpoint=violating(["limit-ignored"]))

`GROUPS` has the same violations by what they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from ...errors import SandboxError
from ..endpoint import SandboxEndpoint
from ..readings import Reading
from ..samples import Samples
from . import access, buckets, limits, meaning, parameters, refusals, shape, text, windows
from .steps import ViolatingSandbox, Violation

GROUPS: Final[dict[str, tuple[Violation, ...]]] = {
    "shape": shape.VIOLATIONS,
    "text": text.VIOLATIONS,
    "buckets": buckets.VIOLATIONS,
    "meaning": meaning.VIOLATIONS,
    "windows": windows.VIOLATIONS,
    "rows": limits.VIOLATIONS,
    "parameters": (*parameters.VIOLATIONS, *refusals.VIOLATIONS),
    "access": access.VIOLATIONS,
}
VIOLATIONS: Final[dict[str, Violation]] = {
    violation.name: violation for group in GROUPS.values() for violation in group
}
"""Every violation, by the name that ``--violate`` takes."""


def violating(names: Iterable[str]) -> Callable[[Samples, Reading, str], SandboxEndpoint]:
    """What makes an endpoint that commits each of ``names``; the correct one for no name.

    Raises `SandboxError` for a name that there is not.
    """
    chosen = []
    for name in dict.fromkeys(names):
        if name not in VIOLATIONS:
            raise SandboxError(f"there is no violation {name!r}; choose from {', '.join(VIOLATIONS)}")
        chosen.append(VIOLATIONS[name])
    return partial(ViolatingSandbox, chosen) if chosen else SandboxEndpoint


__all__ = ["GROUPS", "VIOLATIONS", "Violation", "violating"]

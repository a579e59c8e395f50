"""Faults: a sandbox whose right answers meet with an accident, so that a client can show that it loses nothing by it.

A fault is a server that fails: overloaded, cut off, slow, behind a wrong cache.
Faults are data: `FAULTS` has them by name, and `faulting` serves an endpoint that has some::

    with faulting(Endpoint(samples, Reading(), "key"), [FAULTS["burst-503"]]) as server:
        ...  # server.url, server.requests

Below HTTP lies a thin TCP server of our own (`server`), as no framework would do such things. The correct code knows
nothing of all this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...errors import SandboxError
from . import bodies, connections, statuses
from .fault import Fault, check, turn
from .server import Faulty, Seen, faulting

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault for fault in (*statuses.FAULTS, *connections.FAULTS, *bodies.FAULTS)
}
"""Every fault, by the name that ``--fault`` takes."""


def faults_named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names, one after another.

    Raises `SandboxError` for a name that there is not, and for a fault behind one that never ends.
    """
    chosen = []
    for name in names:
        if name not in FAULTS:
            raise SandboxError(f"there is no fault {name!r}; choose from {', '.join(FAULTS)}")
        chosen.append(FAULTS[name])
    return check(chosen)


__all__ = ["FAULTS", "Fault", "Faulty", "Seen", "check", "faulting", "faults_named", "turn"]

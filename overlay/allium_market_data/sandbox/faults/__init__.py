"""Faults: a sandbox that fails on purpose, so that tests can show that a client loses no rows.

A fault is a server or proxy that fails: overloaded, cut off, slow, serving a wrong page of its cache. `FAULTS` has them
by name, and `running_with_faults` serves an endpoint with some of them::

    with running_with_faults(SandboxEndpoint(samples, Reading(), "key"), [FAULTS["burst-503"]]) as server:
        ...  # server.url, server.requests

They run on a small TCP server (`server`), since no web framework sends broken responses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...errors import SandboxError
from . import bodies, connections, statuses
from .fault import Fault, check_sequence, fault_for
from .server import FaultyServer, ServedRequest, running_with_faults

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault for fault in (*statuses.FAULTS, *connections.FAULTS, *bodies.FAULTS)
}
"""Every fault, by its name for ``--fault``."""


def faults_named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names, one after another.

    Raises `SandboxError` for an unknown name, and for a fault after a permanent one.
    """
    chosen = []
    for name in names:
        if name not in FAULTS:
            raise SandboxError(f"there is no fault {name!r}; choose from {', '.join(FAULTS)}")
        chosen.append(FAULTS[name])
    return check_sequence(chosen)


__all__ = [
    "FAULTS",
    "Fault",
    "FaultyServer",
    "ServedRequest",
    "check_sequence",
    "fault_for",
    "faults_named",
    "running_with_faults",
]

"""What a fault is, and which of several faults a request meets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from ...errors import SandboxError
from .exchange import Exchange

Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]
"""Handles one request, wrongly. It ends soon after the connection is closed: `Exchange.pause` does, a sleep does not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a server, or a proxy in front of it, fails.

    The first ``after`` requests get correct responses, the next ``times`` meet the fault, and later ones get correct
    responses again. With ``times`` None the fault is permanent. With ``handler`` None, connections are refused.
    """

    name: str
    description: str
    handler: Handler | None
    after: int = 2
    times: int | None = 2


def fault_for(faults: Iterable[Fault], number: int) -> Fault | None:
    """The fault that request ``number`` meets, counted from 0; None if it gets a correct response.

    Faults follow one another: the second starts counting where the first one ends.
    """
    for fault in faults:
        number -= fault.after
        if number < 0:
            return None
        if fault.times is None:
            return fault
        number -= fault.times
        if number < 0:
            return fault
    return None


def check_sequence(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """``faults``, unchanged. Raises `SandboxError` if one of them could never start."""
    sequence = tuple(faults)
    for fault, successor in pairwise(sequence):
        if fault.times is None:
            raise SandboxError(
                f"the fault {fault.name!r} is permanent, so {successor.name!r} after it would never start"
            )
        if fault.handler is None or successor.handler is None:
            raise SandboxError("a server that refuses connections cannot have another fault")
    return sequence

"""What a fault is: which requests it spoils, and what it does with one. And which of several has its turn. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias

from ...errors import SandboxError
from ..endpoint import Answer, Call


class Exchange(Protocol):
    """One request at a server that may do with its connection what it likes."""

    @property
    def call(self) -> Call:
        """What was asked."""

    @property
    def elsewhere(self) -> str:
        """The base URL of another origin, which is up and answers."""

    def honest(self, call: Call | None = None) -> Answer:
        """The right answer to ``call``, by default to what was asked."""

    async def send(self, answer: Answer) -> None:
        """Send an answer as HTTP has it. The connection stays open."""

    async def write(self, part: bytes) -> None:
        """Send bytes as they are."""

    def head(self, answer: Answer) -> bytes:
        """Status line and headers of an answer, its right length among them."""

    async def pause(self, seconds: float | None = None) -> None:
        """Let so many seconds pass, or all there are; ends early when the connection, or the server, does."""

    async def close(self) -> None:
        """Close the connection in order."""

    async def reset(self) -> None:
        """Break the connection, so that the other side is told of an error."""


Act: TypeAlias = Callable[[Exchange], Awaitable[None]]
"""What happens to one request."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a server, or what stands before it, fails.

    The first ``after`` requests are answered as is right, the next ``times`` of them are spoiled, and all behind them are
    answered again; with ``times`` None the fault stays. Without ``act`` there is nobody to ask: connections are refused.
    """

    name: str
    description: str
    act: Act | None
    after: int = 2
    times: int | None = 2


def turn(faults: Iterable[Fault], number: int) -> Fault | None:
    """The fault that spoils the request of this number, counted from 0; None if it is answered as is right.

    Several faults follow one another: the second begins to count where the first one ends.
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


def check(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults as they are, if they can follow one another. Raises `SandboxError` if one could never begin."""
    chosen = tuple(faults)
    for fault, follower in pairwise(chosen):
        if fault.times is None:
            raise SandboxError(f"the fault {fault.name!r} never ends, so {follower.name!r} behind it would never begin")
        if fault.act is None or follower.act is None:
            raise SandboxError("a server that refuses connections can have no other fault")
    return chosen

"""The code that an input reaches, and the smallest inputs that reach as much."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST = 1_500
"""The longest input to keep, in bytes."""


def reach(target: Callable[[bytes], None], data: bytes) -> frozenset[tuple[str, int, int]]:
    """The steps from line to line in the package for this input."""
    steps: set[tuple[str, int, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "allium_market_data" not in frame.f_code.co_filename:
            return None
        name, last = frame.f_code.co_qualname, frame.f_lineno

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            steps.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(before)
    return frozenset(steps)


def fewest(inputs: Iterable[bytes], target: Callable[[bytes], None]) -> list[bytes]:
    """Inputs that together reach what ``inputs`` reach. Shorter ones come first; one that adds nothing is left out."""
    seen: set[tuple[str, int, int]] = set()
    chosen = []
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        reached = reach(target, data)
        if not reached <= seen:
            seen |= reached
            chosen.append(data)
    return chosen


def keep(name: str, found: Path) -> int:
    """Add the inputs in ``found`` that reach new code to the corpus of a target; return their number."""
    from fuzz.targets import CORPUS, TARGETS, corpus

    target, kept = TARGETS[name], corpus(name)
    for data in kept.values():  # a first run, so that code that runs only once does not count as new
        target(data)
    seen = set().union(*(reach(target, data) for data in kept.values()))
    fresh = sorted((path.read_bytes() for path in found.iterdir()), key=lambda data: (len(data), data))
    added: Mapping[str, bytes] = {}
    for data in fresh:
        if len(data) <= LONGEST and not (reached := reach(target, data)) <= seen:
            seen |= reached
            added = {**added, hashlib.sha256(data).hexdigest()[:16]: data}
    for digest, data in added.items():
        (CORPUS / name / digest).write_bytes(data)
    return len(added)

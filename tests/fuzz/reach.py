"""Which lines of the package an input reaches; and of many inputs the few that reach as much."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST = 1_500
"""Bytes of an input that is worth keeping."""


def reach(target: Callable[[bytes], None], data: bytes) -> frozenset[tuple[str, int, int]]:
    """The steps from line to line that the package takes over this input."""
    found: set[tuple[str, int, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "allium_market_data" not in frame.f_code.co_filename:
            return None
        name, last = frame.f_code.co_qualname, frame.f_lineno

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            found.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(before)
    return frozenset(found)


def fewest(inputs: Iterable[bytes], target: Callable[[bytes], None]) -> list[bytes]:
    """Inputs that together reach all that these reach; the shortest come first, and any that adds nothing is left out."""
    seen: set[tuple[str, int, int]] = set()
    chosen = []
    for data in sorted(set(inputs), key=lambda one: (len(one), one)):
        reached = reach(target, data)
        if not reached <= seen:
            seen |= reached
            chosen.append(data)
    return chosen


def keep(name: str, found: Path) -> int:
    """Add to the corpus of a target what was found and reaches more than it does; how many that were."""
    from fuzz.targets import CORPUS, TARGETS, corpus

    target, kept = TARGETS[name], corpus(name)
    for data in kept.values():  # once, so that what is done but once is not taken for something new
        target(data)
    seen = set().union(*(reach(target, data) for data in kept.values()))
    fresh = sorted((path.read_bytes() for path in found.iterdir()), key=lambda one: (len(one), one))
    added: Mapping[str, bytes] = {}
    for data in fresh:
        if len(data) <= LONGEST and not (reached := reach(target, data)) <= seen:
            seen |= reached
            added = {**added, hashlib.sha256(data).hexdigest()[:16]: data}
    for digest, data in added.items():
        (CORPUS / name / digest).write_bytes(data)
    return len(added)

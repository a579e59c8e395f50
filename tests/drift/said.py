"""What the comparison says of each pair, line by line: ``PYTHONPATH=tests python -m drift.said > tests/drift/said.txt``.

The lines are read before they are kept; after that they keep the sentences, the places and the fingerprints as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from allium_market_data.codegen.canonical import canonical
from allium_market_data.drift.diff.documents import differences
from allium_market_data.drift.diff.finding import Finding
from drift.pairs import PAIRS, Pair

FILE = Path(__file__).with_name("said.txt")


@cache
def found_in(pair: Pair) -> list[Finding]:
    """The changes of a pair."""
    return differences(pair.old, pair.new)


def lines() -> Iterator[str]:
    """A pair's name, and three lines for each change; what both versions and all places say alike, once."""
    for pair in PAIRS:
        if pair.name.startswith("3.0.3: ") or pair.name.endswith("in the parameter"):
            continue
        yield f"# {pair.name}"
        for found in sorted(found_in(pair), key=lambda one: (-one.change.level, one.change.where)):
            yield from _of(found)


def _of(found: Finding) -> Iterator[str]:
    change, location = found.change, found.location
    unsure = " (cannot tell)" if change.cannot_tell else ""
    yield f"{change.level}{unsure} {change.kind} at {change.place or '-'} from {found.old_pointer or '-'} {change.fingerprint}"
    sides = [operation.name if operation else "-" for operation in (location.old, location.new)]
    about = [location.part, location.name, location.media, *map(str, location.path)]
    yield f"    [{change.where}] [{', '.join(change.operations)}] [{' -> '.join(sides)}: {' '.join(filter(None, about))}]"
    yield f"    {change.sentence} {canonical(change.old)} -> {canonical(change.new)}"


if __name__ == "__main__":
    print("\n".join(lines()))

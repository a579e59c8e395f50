"""What the comparison says of each pair, line by line.

To write the file anew: ``PYTHONPATH=tests python -m drift.expected_findings > /tmp/findings && mv /tmp/findings
tests/drift/expected_findings.txt``. Read the differences: the file keeps sentences, places and fingerprints as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from allium_market_data.codegen.canonical import canonical
from allium_market_data.drift.diff.documents import compare_documents
from allium_market_data.drift.diff.finding import Finding
from drift.pairs import PAIRS, Pair

FILE = Path(__file__).with_suffix(".txt")


@cache
def findings(pair: Pair) -> list[Finding]:
    """The changes of a pair."""
    return compare_documents(pair.old, pair.new)


def lines() -> Iterator[str]:
    """A pair's name, and three lines for each change; pairs that repeat others in another version or place are left out."""
    for pair in PAIRS:
        if pair.name.startswith("3.0.3: ") or pair.name.endswith("in the parameter"):
            continue
        yield f"# {pair.name}"
        for finding in sorted(findings(pair), key=lambda each: (-each.change.level, each.change.where)):
            yield from _lines_of(finding)


def _lines_of(finding: Finding) -> Iterator[str]:
    change, location = finding.change, finding.location
    unsure = " (cannot tell)" if change.cannot_tell else ""
    place = f"at {change.place or '-'} from {finding.pointers[0] or '-'}"
    yield f"{change.level}{unsure} {change.kind} {place} {change.fingerprint}"
    sides = " -> ".join(operation.name if operation else "-" for operation in (location.old, location.new))
    part = " ".join(filter(None, [location.part, location.name, location.media, *map(str, location.path)]))
    yield f"    [{change.where}] [{', '.join(change.operations)}] [{sides}: {part}]"
    yield f"    {change.sentence} {canonical(change.old)} -> {canonical(change.new)}"


if __name__ == "__main__":
    print("\n".join(lines()))

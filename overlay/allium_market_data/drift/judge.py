"""The judgement of a new version of the specification: what changed in the document and the prose, and what it breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ..codegen.clauses import Entry
from ..errors import SpecError
from .diff.annotations import Annotations, collect_annotations
from .diff.clauses import concerned
from .diff.documents import compare_documents
from .diff.operations import operations
from .diff.prose import compare_prose
from .diff.topics import contract_names
from .model import Judgement, Level, grouped, ordered
from .schema.schema import Resolver
from .source import Source

_MOST_EXAMPLES: Final = 12
"""How many breaks get an example."""
_EXAMPLES_TIME: Final = 15.0
"""Seconds after which no further example is looked for, so that large documents are judged in a minute."""
_COMPARISON_TIME: Final = 120.0
"""Seconds after which no further operation is compared; the verdict is then `Level.LOOK` or worse."""


def judge(
    baseline: Source,
    upstream: Source,
    clauses: Sequence[Entry] = (),
    *,
    examples: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Judgement:
    """What changed from the baseline to the new version, and what it breaks.

    ``clauses`` are those of `read_clauses`. ``examples`` False leaves out the search for responses that show a break, and
    with it the effects that only such a response shows. The search ends after some seconds of ``clock``, and so
    does the comparison: a change of the kind ``unfinished`` names what was left. Raises
    `SpecError` if either side cannot be compared.
    """
    try:
        return _judge(baseline, upstream, tuple(clauses), examples=examples, clock=clock)
    except RecursionError:
        raise SpecError(f"{baseline.name} and {upstream.name}", "are nested too deep to be compared") from None


def _judge(
    baseline: Source, upstream: Source, clauses: tuple[Entry, ...], *, examples: bool, clock: Callable[[], float]
) -> Judgement:
    latest = clock() + _COMPARISON_TIME
    findings = compare_documents(baseline.document, upstream.document, lambda: clock() > latest)
    resolvers = Resolver(baseline.document), Resolver(upstream.document)
    before, after = (operations(resolver) for resolver in resolvers)
    shared = {key: after[key] for key in before if key in after}  # clauses are about operations of the baseline
    annotations: tuple[Annotations, Annotations] = ({}, {})
    if clauses:
        annotations = collect_annotations(resolvers[0], before), collect_annotations(resolvers[1], shared)
    names = contract_names(before) | contract_names(shared) if clauses else frozenset()
    prose = compare_prose(baseline, upstream, clauses, annotations, names)
    findings = [each for each in findings if each.logical_path not in prose.covered]
    if not (findings or prose.changes):
        return Judgement((), prose.notes)
    from .impact.assess import assess, assess_prose  # these import the client, which takes long

    examples_left, deadline = _MOST_EXAMPLES if examples else 0, clock() + _EXAMPLES_TIME
    changes = []
    for each in sorted(findings, key=lambda each: (-each.change.level, each.change.where, each.change.kind)):
        ids = concerned(clauses, baseline.document, each.pointers[0], each.change.kind)
        changes.append(assess(replace(each.change, clauses=ids), each, search=examples_left > 0 and clock() < deadline))
        examples_left -= changes[-1].level is Level.BREAKING
    return Judgement(ordered([*grouped(changes), *map(assess_prose, prose.changes)]), prose.notes)

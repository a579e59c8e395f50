"""The verdict on a new version of the specification: the documents, the prose, what breaks, shown by examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..errors import SpecError
from .diff.clauses import Clause, touched
from .diff.documents import differences
from .diff.finding import Finding
from .diff.operations import operations
from .diff.prose import Prose, compare_prose
from .diff.wording import Texts, texts
from .model import Change, Judgement, Level, ordered
from .schema.schema import Resolver
from .source import Source

_EXAMPLES: Final = 12
"""How many breaks are demonstrated, the worst-placed first, so that a judgement of two strangers stays quick."""


def judge(baseline: Source, upstream: Source, clauses: Sequence[Clause] = (), *, examples: bool = True) -> Judgement:
    """What changed from the baseline to the new side, and what it breaks.

    ``clauses`` are those of ``clauses.read``. ``examples`` False leaves the demonstrations out, and with them the effects
    on answers that only a demonstration shows. Raises `SpecError` where either side cannot be compared; that is never a
    judgement of no change.
    """
    try:
        return _judged(baseline, upstream, tuple(clauses), examples=examples)
    except RecursionError:
        raise SpecError(f"{baseline.name} and {upstream.name}", "are nested too deep to be compared") from None


def _judged(baseline: Source, upstream: Source, clauses: tuple[Clause, ...], *, examples: bool) -> Judgement:
    found = differences(baseline.document, upstream.document)
    prose = compare_prose(baseline, upstream, clauses, (_texts(baseline), _texts(upstream)))
    left = _EXAMPLES if examples else 0
    changes = []
    for one in sorted(_kept(found, prose), key=lambda one: (-one.change.level, one.change.where, one.change.kind)):
        ids = touched(clauses, baseline.document, one.old_pointer, one.change.kind)
        changes.append(_judge(replace(one.change, clauses=ids), one, examples=left > 0))
        left -= changes[-1].level is Level.BREAKING
    return Judgement(ordered([*changes, *map(_worded, prose.changes)]), prose.notes)


def _texts(source: Source) -> Texts:
    resolver = Resolver(source.document)
    return texts(resolver, operations(resolver))


def _kept(found: Sequence[Finding], prose: Prose) -> list[Finding]:
    """The findings without the wording that a lost clause already speaks of."""
    return [one for one in found if one.logical not in prose.settled]


def _judge(change: Change, found: Finding, *, examples: bool) -> Change:
    """The change with its example and its effect. What does that is heavy, and imported only where something changed."""
    from .impact.effect import effect
    from .impact.example import demonstrated, refused_example

    if change.kind in {"words.example", "words.examples"} and found.location.old is not None:
        change = refused_example(change, found.location.old, found.logical)
    elif change.level is Level.BREAKING and examples:
        change = demonstrated(change, found.location)
    elif change.level is Level.BREAKING:
        change = replace(change, example_note="no example: it was not asked for, or enough others are shown")
    return replace(change, effect=effect(change, found.location))


def _worded(change: Change) -> Change:
    from .impact.effect import effect
    from .impact.example import over_the_cap

    if change.level is Level.BREAKING:
        change = over_the_cap(change)
    return replace(change, effect=effect(change, None))

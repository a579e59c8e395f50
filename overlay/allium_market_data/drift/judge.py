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
from .model import Judgement, Level, ordered
from .schema.schema import Resolver
from .source import Source

_EXAMPLES: Final = 12
"""How many breaks are demonstrated, the worst-placed first, so that a judgement of two strangers stays quick."""


def judge(baseline: Source, upstream: Source, clauses: Sequence[Clause] = (), *, examples: bool = True) -> Judgement:
    """What changed from the baseline to the new side, and what it breaks.

    ``clauses`` are those of ``clauses.read``. ``examples`` False leaves out the search for responses that show a break,
    and with it the effects that only such a response shows. Raises `SpecError` where either side cannot be compared; that
    is never a judgement of no change.
    """
    try:
        return _judged(baseline, upstream, tuple(clauses), examples=examples)
    except RecursionError:
        raise SpecError(f"{baseline.name} and {upstream.name}", "are nested too deep to be compared") from None


def _judged(baseline: Source, upstream: Source, clauses: tuple[Clause, ...], *, examples: bool) -> Judgement:
    found = differences(baseline.document, upstream.document)
    prose = compare_prose(baseline, upstream, clauses, (_texts(baseline), _texts(upstream)))
    if not (found or prose.changes):
        return Judgement((), prose.notes)
    from .impact.assess import assess, assess_prose  # they import the client, which takes long

    left = _EXAMPLES if examples else 0
    changes = []
    for one in sorted(_kept(found, prose), key=lambda one: (-one.change.level, one.change.where, one.change.kind)):
        ids = touched(clauses, baseline.document, one.old_pointer, one.change.kind)
        changes.append(assess(replace(one.change, clauses=ids), one, search=left > 0))
        left -= changes[-1].level is Level.BREAKING
    return Judgement(ordered([*changes, *map(assess_prose, prose.changes)]), prose.notes)


def _texts(source: Source) -> Texts:
    resolver = Resolver(source.document)
    return texts(resolver, operations(resolver))


def _kept(found: Sequence[Finding], prose: Prose) -> list[Finding]:
    """The findings without the wording that a lost clause already speaks of."""
    return [one for one in found if one.logical not in prose.settled]

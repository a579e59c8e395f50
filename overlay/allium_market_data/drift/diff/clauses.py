"""Which clauses of ``spec/clauses.toml`` a change in a document concerns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ...codegen.canonical import join, resolve
from ...codegen.clauses import INFO, PROSE, Entry, quoted_keys
from ...codegen.page import Document
from ...errors import SpecError


def concerned(clauses: tuple[Entry, ...], document: Document, pointer: str, kind: str) -> tuple[str, ...]:
    """The ids of the clauses that a change at a place of the old document concerns.

    A removal concerns everything beneath the place; any other change concerns the key that it is about.
    """
    if not pointer:
        return ()
    is_deep = kind.endswith((".removed", ".renamed")) or kind.startswith("access.")
    related = {"access.security": "/security", "operation.removed": pointer.rpartition("/")[0]}
    related["operation.renamed"] = related["operation.removed"]
    pointers = {pointer, related.get(kind, pointer)}
    return tuple(
        clause.id
        for clause in clauses
        if any(
            place in pointers or (is_deep and place.startswith(f"{pointer}/")) for place in _pointers(clause, document)
        )
    )


def _pointers(clause: Entry, document: Document) -> Iterator[str]:
    """The pointers of what a clause quotes from the document."""
    if clause.place == PROSE:
        return
    if clause.place == INFO:
        method, _, path = clause.quote.strip().partition(" ")
        yield join("/paths", path, method.lower())
    elif _is_text(document, clause.place):
        yield clause.place
    else:
        yield from (clause.place + pointer for pointer in _quoted_pointers(clause))


def _is_text(document: Document, pointer: str) -> bool:
    try:
        return isinstance(resolve(document, pointer), str)
    except (LookupError, ValueError):
        return False


@lru_cache(512)
def _quoted_pointers(clause: Entry) -> tuple[str, ...]:
    """The pointers of the keys that a clause quotes; none if the quote is not YAML."""
    try:
        return tuple(_leaves(quoted_keys(clause)))
    except SpecError:
        return ()


def _leaves(value: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, join(pointer, key))
    else:
        yield pointer

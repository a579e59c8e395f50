"""The clauses of ``spec/clauses.toml``, and which of them a change in a document touches."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...codegen.canonical import join, resolve
from ...codegen.page import Document
from ...codegen.yaml_syntax import parse
from ...errors import SpecError


@dataclass(frozen=True, slots=True)
class Clause:
    """A quoted sentence, or quoted keys, of the specification; ``stands`` as in the file."""

    id: str
    stands: str
    quote: str

    @property
    def group(self) -> str:
        """What it is about: the first part of its id."""
        return self.id.partition(".")[0]


def read_clauses(text: str, *, where: str = "spec/clauses.toml") -> tuple[Clause, ...]:
    """The clauses of the file; `SpecError` where it is no TOML, or a clause lacks what it needs."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    entries = raw.get("clause", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SpecError(where, "`clause` is no list of tables")
    return tuple(_clause(entry, where) for entry in entries)


def _clause(entry: dict[str, Any], where: str) -> Clause:
    values = [entry.get(key) for key in ("id", "stands", "quote")]
    if not all(isinstance(value, str) for value in values):
        raise SpecError(where, f"the clause {values[0]!r} needs `id`, `stands` and `quote`, each a text")
    return Clause(*(str(value) for value in values))


def text_at(document: Document, pointer: str) -> str | None:
    """The text that a pointer leads to, or None where there is none."""
    try:
        value = resolve(document, pointer)
    except (LookupError, ValueError):
        return None
    return value if isinstance(value, str) else None


def touched(clauses: tuple[Clause, ...], document: Document, spot: str, kind: str) -> tuple[str, ...]:
    """The ids of the clauses about the place of a change in the old document.

    What is removed takes everything beneath it along; any other change touches the very key that it is about.
    """
    if not spot:
        return ()
    deep = kind.endswith(".removed") or kind.startswith("access.")
    beside = {"access.security": "/security", "operation.removed": spot.rpartition("/")[0]}
    spots = {spot, beside.get(kind, spot)}
    return tuple(
        clause.id
        for clause in clauses
        if any(place in spots or (deep and place.startswith(f"{spot}/")) for place in _places(clause, document))
    )


def _places(clause: Clause, document: Document) -> Iterator[str]:
    """The pointers of what a clause quotes from the document."""
    if clause.stands == "prose":
        return
    if clause.stands == "info":
        method, _, path = clause.quote.strip().partition(" ")
        yield join("/paths", path, method.lower())
    elif text_at(document, clause.stands) is not None:
        yield clause.stands
    else:
        yield from (clause.stands + pointer for pointer in _keys(clause.quote))


@lru_cache(512)
def _keys(quote: str) -> tuple[str, ...]:
    """The pointers of what a quote of keys states; none for a quote that is no YAML."""
    try:
        return tuple(_leaves(parse(textwrap.dedent(quote).strip(), where="")))
    except SpecError:
        return ()


def _leaves(value: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, join(pointer, key))
    else:
        yield pointer

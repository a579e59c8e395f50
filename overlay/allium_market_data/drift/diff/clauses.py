"""The clauses of ``spec/clauses.toml``, and which of them a change in a document concerns."""

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
    """A quoted sentence, or quoted keys, of the specification; ``stands`` says where, as in the file."""

    id: str
    stands: str
    quote: str


def read_clauses(text: str, *, where: str = "spec/clauses.toml") -> tuple[Clause, ...]:
    """The clauses of the file. Raises `SpecError` if it is not TOML, or a clause lacks a key."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError(where, f"unreadable: {problem}") from None
    entries = raw.get("clause", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SpecError(where, "`clause` must be a list of tables")
    return tuple(_clause(entry, where) for entry in entries)


def _clause(entry: dict[str, Any], where: str) -> Clause:
    values = [entry.get(key) for key in ("id", "stands", "quote")]
    if not all(isinstance(value, str) for value in values):
        raise SpecError(where, f"the clause {values[0]!r} needs the texts `id`, `stands` and `quote`")
    return Clause(*(str(value) for value in values))


def concerned(clauses: tuple[Clause, ...], document: Document, pointer: str, kind: str) -> tuple[str, ...]:
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


def _pointers(clause: Clause, document: Document) -> Iterator[str]:
    """The pointers of what a clause quotes from the document."""
    if clause.stands == "prose":
        return
    if clause.stands == "info":
        method, _, path = clause.quote.strip().partition(" ")
        yield join("/paths", path, method.lower())
    elif _is_text(document, clause.stands):
        yield clause.stands
    else:
        yield from (clause.stands + pointer for pointer in _quoted_keys(clause.quote))


def _is_text(document: Document, pointer: str) -> bool:
    try:
        return isinstance(resolve(document, pointer), str)
    except (LookupError, ValueError):
        return False


@lru_cache(512)
def _quoted_keys(quote: str) -> tuple[str, ...]:
    """The pointers of the keys in a quote; none if the quote is not YAML."""
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

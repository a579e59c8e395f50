"""Schemas and media types of both documents, compared in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ...codegen.canonical import join, resolve
from ..model import Level
from ..schema.problem import Problem
from ..schema.schema import Path, Resolver, Schema
from ..schema.subset import problems
from .finding import Finding, Location, finding, operation_finding
from .operations import Content
from .text import field_name, path_text, schema_sentence

_REPLACING: Final = frozenset({"type", "enum", "anyOf", "oneOf", "properties"})
"""Keywords whose change makes other differences at the same place irrelevant."""


@dataclass(frozen=True, slots=True)
class SchemaPair:
    """A schema of an operation in both documents.

    ``side`` is ``request`` or ``response``. ``name`` is what a sentence calls the value, ``owner`` what it calls the value
    that a field belongs to.
    """

    side: str
    name: str
    owner: str
    where: str
    logical_path: Path
    location: Location
    old: Schema
    new: Schema

    def inside(self, path: Path, old: Schema, new: Schema) -> SchemaPair:
        """The pair of schemas at a path inside this one."""
        location = replace(self.location, path=path)
        logical_path = (*self.logical_path, *path)
        name = field_name(path, self.owner)
        return replace(self, name=name, logical_path=logical_path, location=location, old=old, new=new)


def schema_pair(
    side: str, what: str, path: tuple[str, ...], location: Location, schemas: tuple[Schema, Schema], owner: str = ""
) -> SchemaPair:
    """A pair of schemas (old, new) of a part of an operation; ``path`` leads to it from the kind of part."""
    operation = location.old
    if operation is None:
        raise ValueError("schemas are compared between two operations")
    where, logical_path = f"{operation.name}: {what}", (*operation.key, location.part, *path)
    return SchemaPair(side, f"the {what}", owner or f"the {what}", where, logical_path, location, *schemas)


def schema_findings(pair: SchemaPair) -> Iterator[Finding]:
    """What breaks the subset relation that a side requires (breaking), and what breaks the reverse (compatible)."""
    is_request = pair.side == "request"
    small, large = (pair.old, pair.new) if is_request else (pair.new, pair.old)
    breaks = problems(small, large, pair.side)
    yield from (_finding(pair, each, Level.BREAKING, old_is_small=is_request) for each in breaks)
    known = {(each.path, each.keyword) for each in breaks}
    pointers = {(each.large_pointer, each.small_pointer, each.keyword, each.path[-2:]) for each in breaks}
    replaced = [each.path for each in breaks if each.keyword in _REPLACING]
    for each in problems(large, small, pair.side, closing=True):
        if (each.small_pointer, each.large_pointer, each.keyword, each.path[-2:]) in pointers:
            continue
        if (each.path, each.keyword) not in known and not any(each.path[: len(path)] == path for path in replaced):
            yield _finding(pair, each, Level.COMPATIBLE, old_is_small=not is_request)


def _finding(pair: SchemaPair, problem: Problem, level: Level, *, old_is_small: bool) -> Finding:
    values, pointers = (problem.small, problem.large), (problem.small_pointer, problem.large_pointer)
    if not old_is_small:
        values, pointers = values[::-1], pointers[::-1]
    inner = path_text(problem.path)
    name = field_name(problem.path, pair.owner) if inner else pair.name
    sentence = schema_sentence(pair.side, name[0].upper() + name[1:], problem.keyword, *values)
    is_unsure = bool(problem.unsure) and level is Level.BREAKING
    return finding(
        level,
        f"{pair.location.part}.{problem.keyword}",
        (*pair.logical_path, *problem.path, problem.keyword),
        f"{pair.where}{', ' if inner else ''}{inner}",
        f"{sentence} Whether that breaks anything cannot be decided: {problem.unsure}." if is_unsure else sentence,
        values,
        keyword_pointers(pair.location, pointers, problem.keyword),
        replace(pair.location, path=(*pair.location.path, *problem.path)),
        cannot_tell=is_unsure,
    )


def keyword_pointers(location: Location, pointers: tuple[str, str], keyword: str) -> tuple[str, str]:
    """The pointers of a keyword in both documents; that of its schema where the keyword is missing."""
    old, new = (operation.resolver if operation else None for operation in (location.old, location.new))
    return _keyword_pointer(old, pointers[0], keyword), _keyword_pointer(new, pointers[1], keyword)


def _keyword_pointer(resolver: Resolver | None, pointer: str, keyword: str) -> str:
    if resolver is None or not pointer:
        return ""
    inner = join(pointer, keyword)
    try:
        resolve(resolver.published, inner)
    except (LookupError, ValueError):
        return pointer
    return inner


def media_findings(what: str, before: Content, after: Content, location: Location) -> Iterator[Finding]:
    """Media types that are no longer supported (breaking), and new ones (compatible)."""
    pointers = (before.pointer, after.pointer)
    for media in before.media:
        if after.schema_for(media) is None:
            sentence, where = f"The {what} is no longer available as {media}.", f"{what}, {media}"
            values: tuple[Any, Any] = (media, None)
            yield operation_finding(Level.BREAKING, "media.removed", where, sentence, location, values, pointers)
    for media in after.media:
        if before.schema_for(media) is None:
            sentence, where = f"The {what} may now also be {media}.", f"{what}, {media}"
            values = (None, media)
            yield operation_finding(Level.COMPATIBLE, "media.added", where, sentence, location, values, pointers)

"""A schema of both documents in its place, compared both security_alternatives, and how a finding becomes a draft."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...codegen.canonical import join, resolve
from ..model import Level
from ..schema.problem import Mode, Problem
from ..schema.schema import Resolver, Schema
from ..schema.subset import problems
from .finding import Draft, Location
from .operations import Content, Operation
from .text import path_text, schema_sentence

_MODES = {
    "request": Mode(side="request", lenient=True),
    "response": Mode(side="response", tolerant=True, lenient=True),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A schema of both documents: on which side of the exchange, what it is called at the start of a sentence and inside."""

    resolvers: tuple[Resolver, Resolver]
    side: str
    thing: str
    owner: str
    where: str
    logical: tuple[str | int, ...]
    location: Location


def finding(
    level: Level,
    kind: str,
    old: Operation,
    what: str,
    sentence: str,
    location: Location,
    before: Any = None,
    after: Any = None,
    *,
    cannot_tell: bool = False,
    spots: tuple[str, str] | None = None,
) -> Draft:
    """A finding that is about no schema."""
    pointers = (location.old.pointer if location.old else "", location.new.pointer if location.new else "")
    old_pointer, spot = spots or pointers
    where = f"{old.name}: {what}"
    return Draft(
        level, kind, (kind, *old.key, what), where, sentence, before, after, spot, old_pointer, cannot_tell, location
    )


def media_changes(old: Operation, what: str, before: Content, after: Content, location: Location) -> Iterator[Draft]:
    """The media types of a body: one that is gone leaves those who use it without."""
    spots = (before.pointer, after.pointer)
    for media in before.media:
        if covering(media, after) is None:
            sentence = f"The {what} is no longer {media}."
            yield finding(
                Level.BREAKING, "media.removed", old, f"{what}, {media}", sentence, location, media, spots=spots
            )
    for media in after.media:
        if covering(media, before) is None:
            sentence = f"The {what} may also be {media} now."
            yield finding(
                Level.COMPATIBLE, "media.added", old, f"{what}, {media}", sentence, location, None, media, spots=spots
            )


def covering(media: str, content: Content) -> Schema | None:
    """The schema for a media type: its own, or that of the range which holds it."""
    family = media.partition("/")[0]
    found = (content.media.get(name) for name in (media, f"{family}/*", "*/*"))
    return next((node for node in found if node is not None), None)


def schema_changes(place: Place, old: Schema, new: Schema) -> Iterator[Draft]:
    """What stands against the subset that a side asks for (breaking), and against the reverse (compatible)."""
    mode = _MODES[place.side]
    small, large = (old, new) if place.side == "request" else (new, old)
    forward = problems(small, large, mode)
    yield from (_draft(place, problem, Level.BREAKING, old_is_small=place.side == "request") for problem in forward)
    told = {(problem.path, problem.keyword) for problem in forward}
    replaced = [
        problem.path for problem in forward if problem.keyword in {"type", "enum", "anyOf", "oneOf", "properties"}
    ]
    for problem in problems(large, small, replace(mode, closing=True)):
        beside = any(problem.path[: len(path)] == path for path in replaced)
        if not beside and (problem.path, problem.keyword) not in told:
            yield _draft(place, problem, Level.COMPATIBLE, old_is_small=place.side != "request")


def _draft(place: Place, problem: Problem, level: Level, *, old_is_small: bool) -> Draft:
    sides = (problem.small, problem.large), (problem.small_pointer, problem.large_pointer)
    (old, new), (old_pointer, new_pointer) = sides if old_is_small else (side[::-1] for side in sides)
    inner = path_text(problem.path)
    thing = f"{_part(inner)} of {place.owner}" if inner else place.thing
    name = problem.keyword
    sentence = schema_sentence(place.side, thing, name, old, new)
    location = place.location
    return Draft(
        level,
        f"{location.part}.{name}",
        (*place.logical, *problem.path, name),
        f"{place.where}{', ' if inner else ''}{inner}",
        sentence
        + (
            f" Whether that breaks anything cannot be told: {problem.unsure}."
            if problem.unsure and level is Level.BREAKING
            else ""
        ),
        old,
        new,
        spot(place.resolvers[1], new_pointer, name),
        spot(place.resolvers[0], old_pointer, name),
        bool(problem.unsure) and level is Level.BREAKING,
        Location(
            location.old, location.new, location.part, location.name, location.media, (*location.path, *problem.path)
        ),
    )


def spot(resolver: Resolver, pointer: str, keyword: str) -> str:
    """The pointer of a keyword where it is stated, or else of its schema; "" for a schema that is not there."""
    inner = join(pointer, keyword)
    try:
        resolve(resolver.published, inner)
    except (LookupError, ValueError):
        return pointer
    return inner if pointer else ""


def _part(path: str) -> str:
    """A part of a body or a value, at the start of a sentence."""
    if not path.endswith("[]"):
        return f"The field {path}"
    return f"Each item of {path[:-2]}" if path != "[]" else "Each item"

"""Questions: is every request that the old document allowed still allowed, and does it still mean the same?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...codegen.canonical import same
from ..model import Level
from ..schema.schema import Resolver, Schema
from .finding import Draft, Location
from .operations import Body, Operation, Parameter
from .schemas import Place, covering, finding, media_changes, schema_changes, spot
from .text import path_text, said, schema_sentence


def questions(resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation) -> Iterator[Draft]:
    """What changed in the parameters and the body of a request."""
    yield from _parameters(resolvers, old, new)
    yield from _body(resolvers, old, new)


def _parameters(resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation) -> Iterator[Draft]:
    for key, before in old.parameters.items():
        what = f"{before.place} parameter {before.name}"
        location = Location(old, new, "parameter", key)
        after = new.parameters.get(key)
        if after is None:
            sentence = f"The {what} is gone: a request that carries it may be refused, or answered as if it did not."
            spots = (before.pointer, "")
            yield finding(Level.BREAKING, "parameter.removed", old, what, sentence, location, before.name, spots=spots)
        else:
            yield from _parameter(resolvers, old, before, after, location)
    for key, after in new.parameters.items():
        if key not in old.parameters:
            what = f"{after.place} parameter {after.name}"
            level = Level.BREAKING if after.required else Level.COMPATIBLE
            sentence = f"The {what} is new, and {'must be sent' if after.required else 'may be left out'}."
            location = Location(old, new, "parameter", key)
            spots = ("", after.pointer)
            yield finding(level, "parameter.added", old, what, sentence, location, None, after.name, spots=spots)


def _parameter(
    resolvers: tuple[Resolver, Resolver], old: Operation, before: Parameter, after: Parameter, location: Location
) -> Iterator[Draft]:
    what = f"{before.place} parameter {before.name}"
    for level, kind, was, now, sentence in _parameter_facts(before, after, what):
        key = "name" if kind == "renamed" else kind
        spots = (spot(resolvers[0], before.pointer, key), spot(resolvers[1], after.pointer, key))
        yield finding(level, f"parameter.{kind}", old, what, sentence, location, was, now, spots=spots)
    logical = (*old.key, "parameter", before.key)
    place = Place(resolvers, "request", f"The {what}", f"the {what}", f"{old.name}: {what}", logical, location)
    yield from schema_changes(place, before.schema, after.schema)
    if not after.required:
        yield from _default(place, before.schema, after.schema, (before.pointer, after.pointer))


def _parameter_facts(before: Parameter, after: Parameter, what: str) -> Iterator[tuple[Level, str, Any, Any, str]]:
    """(level, kind, old, new, sentence) for what a parameter is beside its schema."""
    if before.required != after.required:
        level = Level.BREAKING if after.required else Level.COMPATIBLE
        sentence = f"The {what} {'must be sent now' if after.required else 'may be left out now'}."
        yield level, "required", before.required, after.required, sentence
    if before.name != after.name and before.place == "path":
        sentence = f"The {what} is called {after.name} now; requests look the same."
        yield Level.DOCS, "renamed", before.name, after.name, sentence
    if before.style != after.style:
        sentence = f"The {what} was written in the style {before.style}, and is in the style {after.style} now."
        yield Level.BREAKING, "style", before.style, after.style, sentence
    elif before.explode != after.explode:
        level = Level.DOCS if before.scalar and after.scalar else Level.BREAKING
        sentence = f"The values of the {what} are {'written apart' if after.explode else 'joined into one'} now."
        yield level, "explode", before.explode, after.explode, sentence
    was, now = ([*parameter.raw.get("content", {})] for parameter in (before, after))
    if was != now:
        sentence = f"The {what} was written as {said(was or 'plain text')}, and is as {said(now or 'plain text')} now."
        yield Level.BREAKING, "content", was, now, sentence
    for flag in ("allowReserved", "allowEmptyValue"):
        was_set, is_set = (parameter.raw.get(flag) is True for parameter in (before, after))
        if was_set != is_set:
            level = Level.BREAKING if was_set else Level.COMPATIBLE
            sentence = f"The {what} {'has' if is_set else 'no longer has'} {flag} {'now' if is_set else 'set'}."
            yield level, flag, was_set, is_set, sentence
    was_old, is_old = (parameter.raw.get("deprecated") is True for parameter in (before, after))
    if was_old != is_old:
        sentence = f"The {what} is {'deprecated now' if is_old else 'no longer deprecated'}."
        yield Level.COMPATIBLE, "deprecated", was_old, is_old, sentence


def _default(place: Place, before: Schema, after: Schema, spots: tuple[str, str]) -> Iterator[Draft]:
    """What is assumed of a value that is left out. Where nothing was said before, saying it takes nothing away."""
    was, now = before.annotation("default"), after.annotation("default")
    if same(was, now):
        return
    known = was is not None
    sentence = schema_sentence("request", place.thing, "default", was, now)
    yield Draft(
        Level.BREAKING if known else Level.COMPATIBLE,
        f"{place.location.part}.default",
        (*place.logical, "default"),
        place.where,
        f"{sentence} A request that leaves it out means something else." if known else sentence,
        was,
        now,
        spot(place.resolvers[1], after.pointer, "default") or spots[1],
        spot(place.resolvers[0], before.pointer, "default") or spots[0],
        known and now is None,
        place.location,
    )


def _body(resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = old.body, new.body
    location = Location(old, new, "body")
    what = "request body"
    if before is None and after is not None:
        level = Level.BREAKING if after.required else Level.COMPATIBLE
        sentence = f"A request {'must' if after.required else 'may'} have a body now."
        spots = ("", after.content.pointer)
        yield finding(level, "body.added", old, what, sentence, location, None, [*after.content.media], spots=spots)
    elif before is not None and after is None:
        spots = (before.content.pointer, "")
        sentence = "The body of the request is gone."
        media = [*before.content.media]
        yield finding(Level.BREAKING, "body.removed", old, what, sentence, location, media, spots=spots)
    elif before is not None and after is not None:
        yield from _bodies(resolvers, old, new, before, after)


def _bodies(
    resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation, before: Body, after: Body
) -> Iterator[Draft]:
    location = Location(old, new, "body")
    what = "request body"
    spots = (before.content.pointer, after.content.pointer)
    if before.required != after.required:
        level = Level.BREAKING if after.required else Level.COMPATIBLE
        sentence = f"The body of a request {'must be sent now' if after.required else 'may be left out now'}."
        yield finding(
            level, "body.required", old, what, sentence, location, before.required, after.required, spots=spots
        )
    encoded = [{name: raw.get("encoding") for name, raw in body.content.raw.items()} for body in (before, after)]
    for media in before.content.media.keys() & after.content.media.keys():
        was, now = (side[media] for side in encoded)
        if not same(was, now):
            sentence = f"The parts of the {what} are written otherwise now ({media})."
            yield finding(
                Level.BREAKING, "body.encoding", old, what, sentence, location, was, now, cannot_tell=True, spots=spots
            )
    yield from media_changes(old, what, before.content, after.content, location)
    for media, node in before.content.media.items():
        other = covering(media, after.content)
        if other is not None:
            inner = Location(old, new, "body", media=media)
            logical = (*old.key, "body", media)
            place = Place(
                resolvers, "request", "The body of a request", "the request", f"{old.name}: {what}", logical, inner
            )
            yield from schema_changes(place, node, other)
            yield from _member_defaults(place, node, other)


def _member_defaults(place: Place, before: Schema, after: Schema) -> Iterator[Draft]:
    """The defaults of the members of a body, as deep as both sides name them."""
    todo: list[tuple[Schema, Schema, tuple[str | int, ...]]] = [(before, after, ())]
    seen = set()
    while todo:
        old, new, path = todo.pop()
        if (old.key, new.key) in seen:
            continue
        seen.add((old.key, new.key))
        for name in old.names:
            if name in new.names:
                one, other, inner = old.member(name), new.member(name), (*path, "properties", name)
                if name not in new.constraints.required:
                    yield from _default(_within(place, inner), one, other, (one.pointer, other.pointer))
                todo.append((one, other, inner))


def _within(place: Place, path: tuple[str | int, ...]) -> Place:
    thing = f"The field {path_text(path)} of {place.owner}"
    location = Location(place.location.old, place.location.new, "body", media=place.location.media, path=path)
    return replace(place, thing=thing, logical=(*place.logical, *path), location=location)

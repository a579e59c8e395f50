"""Requests: is every request that the old document allows still allowed, with the same meaning?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...codegen.canonical import same
from ..model import Level
from ..schema.traversal import walk_pairs
from .finding import Finding, Location, finding, operation_finding
from .operations import Body, Operation, Parameter
from .schemas import SchemaPair, keyword_pointers, media_findings, schema_findings, schema_pair
from .text import format_value, schema_sentence


def request_findings(old: Operation, new: Operation) -> Iterator[Finding]:
    """What changed in the parameters and the body of a request."""
    for key, before in old.parameters.items():
        location = Location(old, new, "parameter", key)
        if key in new.parameters:
            yield from _parameter(before, new.parameters[key], location)
        else:
            what = f"{before.place} parameter {before.name}"
            sentence = f"The {what} was removed: a request that sends it may be refused, or answered as if it did not."
            values, pointers = (before.name, None), (before.pointer, "")
            yield operation_finding(Level.BREAKING, "parameter.removed", what, sentence, location, values, pointers)
    for key, after in new.parameters.items():
        if key not in old.parameters:
            what = f"{after.place} parameter {after.name}"
            level = _breaking_if(after.required)
            sentence = f"The {what} is new, and {'must be sent' if after.required else 'may be left out'}."
            location = Location(old, new, "parameter", key)
            added, place = (None, after.name), ("", after.pointer)
            yield operation_finding(level, "parameter.added", what, sentence, location, added, place)
    yield from _body(old, new)


def _breaking_if(condition: bool) -> Level:
    return Level.BREAKING if condition else Level.COMPATIBLE


def _parameter(before: Parameter, after: Parameter, location: Location) -> Iterator[Finding]:
    what = f"{before.place} parameter {before.name}"
    for level, kind, values, sentence in _parameter_changes(before, after, f"The {what}"):
        key = "name" if kind == "renamed" else kind
        pointers = keyword_pointers(location, (before.pointer, after.pointer), key)
        yield operation_finding(level, f"parameter.{kind}", what, sentence, location, values, pointers)
    pair = schema_pair("request", what, (before.key,), location, (before.schema, after.schema))
    yield from schema_findings(pair)
    if not after.required:
        yield from _default(pair, (before.pointer, after.pointer))


def _parameter_changes(
    before: Parameter, after: Parameter, thing: str
) -> Iterator[tuple[Level, str, tuple[Any, Any], str]]:
    """(level, kind, values, sentence) for what a parameter says outside of its schema."""
    if before.required != after.required:
        sentence = f"{thing} {'must now be sent' if after.required else 'may now be left out'}."
        yield _breaking_if(after.required), "required", (before.required, after.required), sentence
    if before.name != after.name and before.place == "path":
        sentence = f"{thing} is now called {after.name}; requests look the same."
        yield Level.DOCS, "renamed", (before.name, after.name), sentence
    if before.style != after.style:
        sentence = f"The style of {thing.lower()} changed from {before.style} to {after.style}."
        yield Level.BREAKING, "style", (before.style, after.style), sentence
    elif before.explode != after.explode:
        level = Level.DOCS if before.is_scalar and after.is_scalar else Level.BREAKING
        sentence = (
            f"Several values of {thing.lower()} are now {'sent separately' if after.explode else 'joined into one'}."
        )
        yield level, "explode", (before.explode, after.explode), sentence
    was, now = ([*parameter.raw.get("content", {})] for parameter in (before, after))
    if was != now:
        was_text, now_text = (format_value(names or "plain text") for names in (was, now))
        yield (
            Level.BREAKING,
            "content",
            (was, now),
            f"The format of {thing.lower()} changed from {was_text} to {now_text}.",
        )
    for flag in ("allowReserved", "allowEmptyValue"):
        was_set, is_set = (parameter.raw.get(flag) is True for parameter in (before, after))
        if was_set != is_set:
            sentence = f"{thing} {'now has' if is_set else 'no longer has'} {flag} set."
            yield _breaking_if(was_set), flag, (was_set, is_set), sentence
    was_old, is_old = (parameter.raw.get("deprecated") is True for parameter in (before, after))
    if was_old != is_old:
        sentence = f"{thing} is {'now' if is_old else 'no longer'} deprecated."
        yield Level.COMPATIBLE, "deprecated", (was_old, is_old), sentence


def _default(pair: SchemaPair, pointers: tuple[str, str]) -> Iterator[Finding]:
    """A change of what is assumed for a value that is left out; a default where there was none breaks nothing."""
    values = pair.old.annotation("default"), pair.new.annotation("default")
    if same(*values):
        return
    has_meaning = values[0] is not None
    sentence = schema_sentence("request", pair.name[0].upper() + pair.name[1:], "default", *values)
    old, new = keyword_pointers(pair.location, (pair.old.pointer, pair.new.pointer), "default")
    yield finding(
        _breaking_if(has_meaning),
        f"{pair.location.part}.default",
        (*pair.logical_path, "default"),
        pair.where,
        f"{sentence} A request that leaves it out now means something else." if has_meaning else sentence,
        values,
        (old or pointers[0], new or pointers[1]),
        pair.location,
        cannot_tell=has_meaning and values[1] is None,
    )


def _body(old: Operation, new: Operation) -> Iterator[Finding]:
    before, after = old.body, new.body
    location = Location(old, new, "body")
    what = "request body"
    if before is not None and after is not None:
        yield from _bodies(before, after, location)
    elif after is not None:
        sentence = f"A request {'must' if after.required else 'may'} now have a body."
        values, pointers = (None, [*after.content.media]), ("", after.content.pointer)
        level = _breaking_if(after.required)
        yield operation_finding(level, "body.added", what, sentence, location, values, pointers)
    elif before is not None:
        removed, place = ([*before.content.media], None), (before.content.pointer, "")
        sentence = "The body of the request was removed."
        yield operation_finding(Level.BREAKING, "body.removed", what, sentence, location, removed, place)


def _bodies(before: Body, after: Body, location: Location) -> Iterator[Finding]:
    what = "request body"
    pointers = (before.content.pointer, after.content.pointer)
    if before.required != after.required:
        sentence = f"The body of a request {'must now be sent' if after.required else 'may now be left out'}."
        values: tuple[Any, Any] = (before.required, after.required)
        level = _breaking_if(after.required)
        yield operation_finding(level, "body.required", what, sentence, location, values, pointers)
    for media in before.content.media.keys() & after.content.media.keys():
        values = before.content.raw[media].get("encoding"), after.content.raw[media].get("encoding")
        if not same(*values):
            sentence = f"The encoding of the parts of the {what} changed ({media})."
            kind, level = "body.encoding", Level.BREAKING
            yield operation_finding(level, kind, what, sentence, location, values, pointers, cannot_tell=True)
    yield from media_findings(what, before.content, after.content, location)
    for media, schema in before.content.media.items():
        counterpart = after.content.schema_for(media)
        if counterpart is not None:
            inner = Location(location.old, location.new, "body", media=media)
            pair = schema_pair("request", what, (media,), inner, (schema, counterpart), "the request")
            yield from schema_findings(pair)
            yield from _member_defaults(pair)


def _member_defaults(pair: SchemaPair) -> Iterator[Finding]:
    """The defaults of optional members of a body, as deep as both sides name them."""
    for path, old, new in walk_pairs(pair.old, pair.new):
        if path and not set(path[::2]) <= {"properties"}:
            continue
        for name in old.names:
            if name in new.names and name not in new.constraints.required:
                before, after = old.member(name), new.member(name)
                inner = pair.inside((*path, "properties", name), before, after)
                yield from _default(inner, (before.pointer, after.pointer))

"""Responses: is every response that the new document allows one that the old document allowed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...codegen.canonical import join
from ..model import Level
from ..schema.schema import Path, Schema
from ..schema.traversal import walk_pairs
from .finding import Finding, Location, finding, operation_finding
from .operations import Operation, Parameter, Response
from .schemas import SchemaPair, media_findings, schema_findings, schema_pair
from .text import path_text


def response_findings(old: Operation, new: Operation) -> Iterator[Finding]:
    """What changed in the statuses, headers and bodies of responses."""
    for status, before in old.responses.items():
        after = new.responses.get(status) or new.responses.get(f"{status[0]}XX")
        if after is not None:
            yield from _response(old, new, status, before, after)
        elif "default" not in new.responses or _is_success(status):
            is_narrowed = status.endswith("XX") and any(name[0] == status[0] for name in new.responses)
            is_break = _is_success(status) and not is_narrowed
            pointers = (before.pointer, join(new.pointer, "responses"))
            yield _status(old, new, status, "removed", pointers, is_break=is_break)
    for status, after in new.responses.items():
        covering = old.responses.get(f"{status[0]}XX")
        if status in old.responses:
            continue
        if covering is not None:
            yield from _response(old, new, status, covering, after)
        else:
            pointers = (join(old.pointer, "responses"), after.pointer)
            yield _status(old, new, status, "added", pointers, is_break=_is_success(status))


def _is_success(status: str) -> bool:
    return status.startswith("2")


def _status(
    old: Operation, new: Operation, status: str, kind: str, pointers: tuple[str, str], *, is_break: bool
) -> Finding:
    is_new = kind == "added"
    level = Level.BREAKING if is_break else Level.COMPATIBLE
    sentence = f"The status {status} is {'new' if is_new else 'no longer returned'}."
    values = (None, status) if is_new else (status, None)
    location = Location(old, new, "status", status)
    return operation_finding(level, f"status.{kind}", f"status {status}", sentence, location, values, pointers)


def _response(old: Operation, new: Operation, status: str, before: Response, after: Response) -> Iterator[Finding]:
    what = f"response {status}"
    location = Location(old, new, "response", status)
    yield from media_findings(what, before.content, after.content, location)
    for media, schema in after.content.media.items():
        counterpart = before.content.schema_for(media)
        if counterpart is not None:
            inner = replace(location, media=media)
            pair = schema_pair("response", what, (status, media), inner, (counterpart, schema))
            yield from schema_findings(pair)
            yield from _members(pair)
    for name in [*before.headers, *(name for name in after.headers if name not in before.headers)]:
        pointers = (before.pointer, after.pointer)
        header = Location(old, new, "header", status)
        yield from _header(name, before.headers.get(name), after.headers.get(name), header, pointers)


def _header(
    name: str, before: Parameter | None, after: Parameter | None, location: Location, pointers: tuple[str, str]
) -> Iterator[Finding]:
    present = before or after
    what = f"header {present.name if present else name} of the response {location.name}"
    places = (before.pointer if before else pointers[0], after.pointer if after else pointers[1])
    if before is None or after is None:
        kind = "added" if before is None else "removed"
        level = Level.BREAKING if before and before.required else Level.COMPATIBLE
        values = (before.name if before else None, after.name if after else None)
        sentence = f"The {what} {'is new' if before is None else 'was removed'}."
        yield operation_finding(level, f"header.{kind}", what, sentence, location, values, places)
        return
    if before.required != after.required:
        level = Level.BREAKING if before.required else Level.COMPATIBLE
        sentence = f"The {what} {'may now be missing' if before.required else 'is now always present'}."
        flags = (before.required, after.required)
        yield operation_finding(level, "header.required", what, sentence, location, flags, places)
    schemas = (before.schema, after.schema)
    yield from schema_findings(schema_pair("response", what, (location.name, name), location, schemas))


def _members(pair: SchemaPair) -> Iterator[Finding]:
    """Members that only one side sends, where a reader neither has to know nor to miss them."""
    key = ("changed members", pair.new.resolver, pair.new.key)
    for inner, is_new, pointers in pair.old.derive(key, lambda: [*_changed_members(pair.old, pair.new)]):
        text = path_text(inner)
        yield finding(
            Level.COMPATIBLE,
            f"response.{'new-field' if is_new else 'optional-field-gone'}",
            (*pair.logical_path, *inner),
            f"{pair.where}, {text}",
            f"The {'' if is_new else 'optional '}field {text} of {pair.owner} {'is new' if is_new else 'was removed'}.",
            (None, text) if is_new else (text, None),
            pointers,
            replace(pair.location, path=inner),
        )


def _changed_members(old: Schema, new: Schema) -> Iterator[tuple[Path, bool, tuple[str, str]]]:
    """The path of each such member, whether it is new, and its pointers."""
    for path, before, after in walk_pairs(old, new):
        was, now = (_sent_members(schema) for schema in (before, after))
        for name in sorted(now.keys() - was.keys()):
            yield (*path, "properties", name), True, ("", now[name].pointer)
        for name in sorted(was.keys() - now.keys() - before.constraints.required):  # those are breaks
            yield (*path, "properties", name), False, (was[name].pointer, after.pointer)


def _sent_members(schema: Schema) -> dict[str, Schema]:
    members = {name: schema.member(name) for name in schema.names}
    return {name: member for name, member in members.items() if not member.is_hidden("response")}

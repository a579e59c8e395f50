"""Every break is demonstrated where it can be: by an answer that the new document allows, or a request that it refuses.

The values come from Hypothesis, always the same ones for the same documents; nothing is written to a disk. An answer is
given to today's decoder and a request is the one that the client sends, so that an example shows what happens here.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ..diff.finding import Location
from ..diff.operations import Operation, Response
from ..diff.text import said
from ..model import Change, Example, Level
from ..schema.counterexample import find_counterexample
from ..schema.sample_value import sample_value
from ..schema.schema import Schema
from .client_requests import Refusal, by_client, carrying, is_ours, made, refusals
from .client_responses import placed, read, read_bytes, status_error, transplanted

if TYPE_CHECKING:
    pass

MISSING: Final = "no example: hypothesis is not installed"
NOT_FOUND: Final = "no example was found"
_NO_VALUE: Final = {f"parameter.{name}" for name in ("required", "style", "explode", "content", "added")} | {
    "parameter.allowReserved",
    "parameter.allowEmptyValue",
}
"""Changes of a parameter that no value of it shows."""


def demonstrated(change: Change, location: Location) -> Change:
    """The change with an example of what it breaks, or with a note that says why there is none."""
    try:
        found = _example(change, location)
    except ModuleNotFoundError as problem:
        if problem.name != "hypothesis":
            raise
        return replace(change, example_note=MISSING)
    return replace(change, example=found) if found else replace(change, example_note=NOT_FOUND)


def _example(change: Change, location: Location) -> Example | None:
    match location.part:
        case "parameter" | "operation" | "access" | "body":
            return _request(change, location)
        case "response" if change.kind != "media.removed":
            return _answer(change, location)
        case "response":
            return _other_media(location)
        case "status":
            return _status(change, location)
        case "header":
            return _header(change, location)
    return None


# --- Requests ---


def _request(change: Change, location: Location) -> Example | None:
    if location.old is None:
        return None
    if is_ours(location.old):
        for sent in by_client():
            mine = [one for one in refusals(location.new, sent) if _about(one, location)]
            if mine:
                return Example("request", str(sent), f"today's client sends this; of the new document, {mine[0].why}")
    return _made_request(change, location.old, location)


def _about(refusal: Refusal, location: Location) -> bool:
    if refusal.part == "operation" or location.part == "operation":
        return refusal.part == location.part
    return (refusal.part, refusal.name) == (location.part, location.name)


def _made_request(change: Change, old: Operation, location: Location) -> Example | None:
    """A request that the old document allows, whoever sends it."""
    sent = made(old)
    known = old.parameters.get(location.name)
    wanted = location.new.parameters.get(location.name) if location.new else None
    if location.part == "body" and location.path:
        return _body(old, location)
    if location.part == "parameter" and known is not None and wanted is None:
        sent = carrying(sent, known, sample_value(known.schema, "request"), old)
    elif location.part == "parameter" and known is not None and wanted is not None:
        if change.kind == "parameter.default":
            outcome = f"left out, {known.name} meant {said(change.old)} before, and means {said(change.new)} now"
            return Example("request", str(sent), outcome)
        if change.kind not in _NO_VALUE:
            found = find_counterexample(known.schema, wanted.schema, location.path, "request")
            if found is None:
                return None
            sent = carrying(sent, known, found[0], old)
    mine = [one for one in refusals(location.new, replace(sent, base="")) if _about(one, location)]
    return (
        Example("request", str(sent), f"the old document allows this; of the new one, {mine[0].why}") if mine else None
    )


def _body(old: Operation, location: Location) -> Example | None:
    before = old.body.content.media.get(location.media) if old.body else None
    after = location.new.body.content.media.get(location.media) if location.new and location.new.body else None
    found = find_counterexample(before, after, location.path, "request") if before and after else None
    if found is None:
        return None
    sent = replace(made(old), body=found[0])
    return Example("request", str(sent), "the old document allows this body; the new one does not")


# --- Answers ---


def _answer(change: Change, location: Location) -> Example | None:
    """An answer that only the new document allows, and that today's client refuses if there is one of that kind."""
    schemas = [_body_node(operation, location) for operation in (location.old, location.new)]
    old, new = schemas
    if old is None or new is None:
        return None
    path = location.path
    if change.kind == "response.required" or change.kind.startswith("response.additional"):
        path = path[:-2] if change.kind == "response.required" else path
    ours = is_ours(location.old) and location.name in {"200", "2XX"}
    found = (
        find_counterexample(new, old, path, "response", lambda body: bool(_alone(body, old, location.path)))
        if ours
        else None
    )
    found = found or find_counterexample(new, old, path, "response")
    if found is None:
        return None
    text = json.dumps(found[0], ensure_ascii=False)
    if not ours:
        return Example("response", text, "the new document allows this; the old one did not")
    refusal = _alone(found[0], old, location.path)
    said = f"today's client refuses it: {refusal}" if refusal else "today's client takes it"
    return Example("response", text, f"the new document allows this; {said}")


def _alone(body: Any, old: Schema, path: tuple[str | int, ...]) -> str:
    """What the client says to today's answer with nothing but the part at ``path`` taken over from another body."""
    return read(transplanted(sample_value(old, "response"), body, path)).refusal


def refused_example(change: Change, old: Operation, place: tuple[str | int, ...]) -> Change:
    """A change of an example; where today's client refuses the new one, it may break more than words."""
    if place[2:3] != ("response",) or place[3] != "200" or change.new is None or not is_ours(old):
        return change
    location = Location(old, old, "response", "200", str(place[4]), tuple(place[6:-1]))
    schema = _body_node(old, location)
    values = change.new if place[-1] == "examples" and isinstance(change.new, list) else [change.new]
    if schema is None or (place[-1] == "examples" and place[5:6] != ("schema",)):
        return change
    for value in values:
        body = transplanted(sample_value(schema, "response"), placed(value, location.path), location.path)
        refusal = read(body).refusal
        if refusal:
            text = json.dumps(body, ensure_ascii=False)
            shown = Example(
                "response", text, f"the new document gives this as an example; today's client refuses it: {refusal}"
            )
            return replace(change, level=Level.BREAKING, cannot_tell=True, example=shown)
    return change


def over_the_cap(change: Change) -> Change:
    """A lost sentence about the window whose nearest now names a shorter one: this client's requests are too long for it."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*(day|hour|minute)s?\b", change.nearest)
    if found is None or not any(clause.startswith("window.") for clause in change.clauses):
        return change
    cap = float(found[1]) * {"day": 24, "hour": 1, "minute": 1 / 60}[found[2]]
    for sent in reversed(by_client()):
        start, end = (datetime.fromisoformat(str(sent.query[key])) for key in ("start_timestamp", "end_timestamp"))
        if end - start > timedelta(hours=cap):
            outcome = f"today's client sends this, a window of {end - start}; the page allows {found[0]}"
            return replace(change, example=Example("request", str(sent), outcome), example_note="")
    return change


def _body_node(operation: Operation | None, location: Location) -> Schema | None:
    if operation is None:
        return None
    answer: Response | None = operation.responses.get(location.name) or operation.responses.get(
        f"{location.name[:1]}XX"
    )
    if answer is None:
        return None
    media = answer.content.media
    return media.get(location.media) or next(iter(media.values()), None)


def _other_media(location: Location) -> Example | None:
    answer = location.new.responses.get(location.name) if location.new else None
    if answer is None:
        return None
    media = next(iter(answer.content.media), "")
    text = "ts,value\n2026-05-01T00:00:00Z,1\n" if media else ""
    outcome = f"an answer of the type {media or 'none'}"
    if is_ours(location.old):
        outcome += f"; today's client refuses it: {read_bytes(text.encode()).refusal}"
    return Example("response", text, outcome)


def _status(change: Change, location: Location) -> Example | None:
    status = location.name.replace("X", "0")
    if not status.isdigit():
        return None
    if change.kind == "status.removed":
        others = [
            name for name in (location.new.responses if location.new else {}) if name.isdigit() and name[0] == "2"
        ]
        status = others[0] if others else "204"
    error = status_error(int(status)) if is_ours(location.old) else ""
    said = f"; today's client raises {error}" if error else ""
    return Example("response", f"HTTP status {status}", f"the new document allows this, the old one did not{said}")


def _header(change: Change, location: Location) -> Example | None:
    name = change.where.partition("header ")[2].partition(" of ")[0].lower()
    sides = [op.responses.get(location.name) if op else None for op in (location.old, location.new)]
    old, new = (side.headers.get(name) if side else None for side in sides)
    if old is None:
        return None
    if new is None or change.kind == "header.required":
        return Example("response", f"an answer without {old.name}", "the new document allows this; the old one did not")
    found = find_counterexample(new.schema, old.schema, location.path, "response")
    if found is None:
        return None
    return Example(
        "response", f"{old.name}: {json.dumps(found[0])}", "the new document allows this; the old one did not"
    )

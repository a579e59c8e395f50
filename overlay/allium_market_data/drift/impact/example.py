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

from ..diff.finding import Subject
from ..diff.operations import Answer, Operation
from ..model import Change, Example, Level
from ..report.text import said
from ..schema.counterexample import witness
from ..schema.nodes import Node
from ..schema.sample_value import plain
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


def demonstrated(change: Change, subject: Subject) -> Change:
    """The change with an example of what it breaks, or with a note that says why there is none."""
    try:
        found = _example(change, subject)
    except ModuleNotFoundError as problem:
        if problem.name != "hypothesis":
            raise
        return replace(change, example_note=MISSING)
    return replace(change, example=found) if found else replace(change, example_note=NOT_FOUND)


def _example(change: Change, subject: Subject) -> Example | None:
    match subject.part:
        case "parameter" | "operation" | "access" | "body":
            return _request(change, subject)
        case "answer" if change.kind != "media.removed":
            return _answer(change, subject)
        case "answer":
            return _other_media(subject)
        case "status":
            return _status(change, subject)
        case "header":
            return _header(change, subject)
    return None


# --- Requests ---


def _request(change: Change, subject: Subject) -> Example | None:
    if subject.old is None:
        return None
    if is_ours(subject.old):
        for sent in by_client():
            mine = [one for one in refusals(subject.new, sent) if _about(one, subject)]
            if mine:
                return Example("request", str(sent), f"today's client sends this; of the new document, {mine[0].why}")
    return _made_request(change, subject.old, subject)


def _about(refusal: Refusal, subject: Subject) -> bool:
    if refusal.part == "operation" or subject.part == "operation":
        return refusal.part == subject.part
    return (refusal.part, refusal.name) == (subject.part, subject.name)


def _made_request(change: Change, old: Operation, subject: Subject) -> Example | None:
    """A request that the old document allows, whoever sends it."""
    sent = made(old)
    known = old.parameters.get(subject.name)
    wanted = subject.new.parameters.get(subject.name) if subject.new else None
    if subject.part == "body" and subject.path:
        return _body(old, subject)
    if subject.part == "parameter" and known is not None and wanted is None:
        sent = carrying(sent, known, plain(known.node, "request"), old)
    elif subject.part == "parameter" and known is not None and wanted is not None:
        if change.kind == "parameter.default":
            outcome = f"left out, {known.name} meant {said(change.old)} before, and means {said(change.new)} now"
            return Example("request", str(sent), outcome)
        if change.kind not in _NO_VALUE:
            found = witness(known.node, wanted.node, subject.path, "request")
            if found is None:
                return None
            sent = carrying(sent, known, found[0], old)
    mine = [one for one in refusals(subject.new, replace(sent, base="")) if _about(one, subject)]
    return (
        Example("request", str(sent), f"the old document allows this; of the new one, {mine[0].why}") if mine else None
    )


def _body(old: Operation, subject: Subject) -> Example | None:
    before = old.body.content.media.get(subject.media) if old.body else None
    after = subject.new.body.content.media.get(subject.media) if subject.new and subject.new.body else None
    found = witness(before, after, subject.path, "request") if before and after else None
    if found is None:
        return None
    sent = replace(made(old), body=found[0])
    return Example("request", str(sent), "the old document allows this body; the new one does not")


# --- Answers ---


def _answer(change: Change, subject: Subject) -> Example | None:
    """An answer that only the new document allows, and that today's client refuses if there is one of that kind."""
    nodes = [_body_node(operation, subject) for operation in (subject.old, subject.new)]
    old, new = nodes
    if old is None or new is None:
        return None
    path = subject.path
    if change.kind == "answer.required" or change.kind.startswith("answer.additional"):
        path = path[:-2] if change.kind == "answer.required" else path
    ours = is_ours(subject.old) and subject.name in {"200", "2XX"}
    found = witness(new, old, path, "answer", lambda body: bool(_alone(body, old, subject.path))) if ours else None
    found = found or witness(new, old, path, "answer")
    if found is None:
        return None
    text = json.dumps(found[0], ensure_ascii=False)
    if not ours:
        return Example("answer", text, "the new document allows this; the old one did not")
    refusal = _alone(found[0], old, subject.path)
    said = f"today's client refuses it: {refusal}" if refusal else "today's client takes it"
    return Example("answer", text, f"the new document allows this; {said}")


def _alone(body: Any, old: Node, path: tuple[str | int, ...]) -> str:
    """What the client says to today's answer with nothing but the part at ``path`` taken over from another body."""
    return read(transplanted(plain(old, "answer"), body, path)).refusal


def refused_example(change: Change, old: Operation, place: tuple[str | int, ...]) -> Change:
    """A change of an example; where today's client refuses the new one, it may break more than words."""
    if place[2:3] != ("answer",) or place[3] != "200" or change.new is None or not is_ours(old):
        return change
    subject = Subject(old, old, "answer", "200", str(place[4]), tuple(place[6:-1]))
    node = _body_node(old, subject)
    values = change.new if place[-1] == "examples" and isinstance(change.new, list) else [change.new]
    if node is None or (place[-1] == "examples" and place[5:6] != ("schema",)):
        return change
    for value in values:
        body = transplanted(plain(node, "answer"), placed(value, subject.path), subject.path)
        refusal = read(body).refusal
        if refusal:
            text = json.dumps(body, ensure_ascii=False)
            shown = Example(
                "answer", text, f"the new document gives this as an example; today's client refuses it: {refusal}"
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


def _body_node(operation: Operation | None, subject: Subject) -> Node | None:
    if operation is None:
        return None
    answer: Answer | None = operation.answers.get(subject.name) or operation.answers.get(f"{subject.name[:1]}XX")
    if answer is None:
        return None
    media = answer.content.media
    return media.get(subject.media) or next(iter(media.values()), None)


def _other_media(subject: Subject) -> Example | None:
    answer = subject.new.answers.get(subject.name) if subject.new else None
    if answer is None:
        return None
    media = next(iter(answer.content.media), "")
    text = "ts,value\n2026-05-01T00:00:00Z,1\n" if media else ""
    outcome = f"an answer of the type {media or 'none'}"
    if is_ours(subject.old):
        outcome += f"; today's client refuses it: {read_bytes(text.encode()).refusal}"
    return Example("answer", text, outcome)


def _status(change: Change, subject: Subject) -> Example | None:
    status = subject.name.replace("X", "0")
    if not status.isdigit():
        return None
    if change.kind == "status.removed":
        others = [name for name in (subject.new.answers if subject.new else {}) if name.isdigit() and name[0] == "2"]
        status = others[0] if others else "204"
    error = status_error(int(status)) if is_ours(subject.old) else ""
    said = f"; today's client raises {error}" if error else ""
    return Example("answer", f"HTTP status {status}", f"the new document allows this, the old one did not{said}")


def _header(change: Change, subject: Subject) -> Example | None:
    name = change.where.partition("header ")[2].partition(" of ")[0].lower()
    sides = [op.answers.get(subject.name) if op else None for op in (subject.old, subject.new)]
    old, new = (side.headers.get(name) if side else None for side in sides)
    if old is None:
        return None
    if new is None or change.kind == "header.required":
        return Example("answer", f"an answer without {old.name}", "the new document allows this; the old one did not")
    found = witness(new.node, old.node, subject.path, "answer")
    if found is None:
        return None
    return Example("answer", f"{old.name}: {json.dumps(found[0])}", "the new document allows this; the old one did not")

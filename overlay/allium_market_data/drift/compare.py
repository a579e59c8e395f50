"""Two documents, two questions of every operation of the old one, and every difference that they bring up.

Answers: is every answer that the new document allows one that the old document allowed? Questions: is every request that
the old document allowed still allowed? A no is breaking, and so is what cannot be told. What only narrows answers or
widens requests is compatible; `wording` finds what changed in words alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..upstream.canonical import join, resolve, same
from ..upstream.document import check_references
from ..upstream.page import Document, check
from .access import access
from .draft import Draft, Found, Subject, merged
from .members import GONE
from .model import Change, Level, ordered
from .operations import Answer, Body, Content, Operation, Parameter, operations
from .problem import Mode, Problem
from .schema import Node, Reader
from .sentences import path_text, said, schema_sentence
from .subset import problems
from .wording import additions, wording

_MODES = {
    "request": Mode(side="request", lenient=True),
    "answer": Mode(side="answer", tolerant=True, lenient=True),
}


def compare(old: Document, new: Document) -> list[Change]:
    """Every change between two documents, the worst first; none for documents that say the same.

    Raises `SpecError` for what is no OpenAPI document of version 3.0 or 3.1, and for references that lead nowhere.
    """
    return [*ordered(found.change for found in differences(old, new))]


def differences(old: Document, new: Document) -> list[Found]:
    """The changes of `compare`, unordered, each with what it is about."""
    for name, document in (("the old document", old), ("the new document", new)):
        check_references(name, check(name, document))
    readers = (Reader(old), Reader(new))
    return merged(_all(readers, *(operations(reader) for reader in readers)))


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema of both documents: what it is called, on which side of the exchange, and what it belongs to."""

    readers: tuple[Reader, Reader]
    side: str
    thing: str
    where: str
    logical: tuple[str | int, ...]
    subject: Subject
    member: str = "The field"
    """What a part of it is called."""


def _all(
    readers: tuple[Reader, Reader],
    before: Mapping[tuple[str, str], Operation],
    after: Mapping[tuple[str, str], Operation],
) -> Iterator[Draft]:
    for key, old in before.items():
        if key not in after:
            yield Draft(
                Level.BREAKING,
                "operation.removed",
                ("operation", *key),
                old.name,
                f"{old.name} is gone.",
                old.name,
                old_spot=old.pointer,
                subject=Subject(old, None, "operation"),
            )
            continue
        yield from _operation(readers, old, after[key])
    for key, new in after.items():
        if key not in before:
            sentence = f"{new.name} is new."
            yield Draft(
                Level.COMPATIBLE,
                "operation.added",
                ("operation", *key),
                new.name,
                sentence,
                None,
                new.name,
                new.pointer,
            )
    yield from wording(readers, before, after)
    yield from _webhooks(*(reader.document for reader in readers))


def _operation(readers: tuple[Reader, Reader], old: Operation, new: Operation) -> Iterator[Draft]:
    yield from _parameters(readers, old, new)
    yield from _body(readers, old, new)
    yield from _statuses(readers, old, new)
    yield from access(old, new)
    yield from _deprecated(old, new)
    if not same(old.extra, new.extra):
        subject = Subject(old, new, "callbacks")
        level = Level.BREAKING if old.extra else Level.COMPATIBLE
        yield _plain(level, "operation.callbacks", old, "callbacks", "The callbacks are others now.", subject)


def _webhooks(old: Document, new: Document) -> Iterator[Draft]:
    before, after = old.get("webhooks", {}), new.get("webhooks", {})
    for name in {**before, **after}:
        if not same(before.get(name), after.get(name)):
            level = Level.BREAKING if name in before else Level.COMPATIBLE
            sentence = f"The webhook {name} {'is another now' if name in after else 'is gone'}."
            spot = join("/webhooks", name)
            yield Draft(
                level,
                "webhook",
                ("webhook", name),
                f"webhook {name}",
                sentence if name in before else f"The webhook {name} is new.",
                spot=spot,
                old_spot=spot,
                cannot_tell=name in before and name in after,
            )


def _deprecated(old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = (operation.raw.get("deprecated", False) is True for operation in (old, new))
    if before != after:
        sentence = f"{old.name} is {'deprecated now' if after else 'no longer deprecated'}."
        subject = Subject(old, new, "operation")
        yield _plain(Level.COMPATIBLE, "operation.deprecated", old, "deprecated", sentence, subject, before, after)


def _plain(
    level: Level,
    kind: str,
    old: Operation,
    what: str,
    sentence: str,
    subject: Subject,
    before: Any = None,
    after: Any = None,
    *,
    cannot_tell: bool = False,
    spots: tuple[str, str] | None = None,
) -> Draft:
    """A finding that is about no schema."""
    pointers = (subject.old.pointer if subject.old else "", subject.new.pointer if subject.new else "")
    old_spot, spot = spots or pointers
    where = f"{old.name}: {what}"
    return Draft(
        level, kind, (kind, *old.key, what), where, sentence, before, after, spot, old_spot, cannot_tell, subject
    )


# --- Questions ---


def _parameters(readers: tuple[Reader, Reader], old: Operation, new: Operation) -> Iterator[Draft]:
    for key, before in old.parameters.items():
        what = f"{before.place} parameter {before.name}"
        subject = Subject(old, new, "parameter", key)
        after = new.parameters.get(key)
        if after is None:
            sentence = f"The {what} is gone: a request that carries it may be refused, or answered as if it did not."
            spots = (before.pointer, "")
            yield _plain(Level.BREAKING, "parameter.removed", old, what, sentence, subject, before.name, spots=spots)
        else:
            yield from _parameter(readers, old, before, after, subject)
    for key, after in new.parameters.items():
        if key not in old.parameters:
            what = f"{after.place} parameter {after.name}"
            level = Level.BREAKING if after.required else Level.COMPATIBLE
            sentence = f"The {what} is new, and {'must be sent' if after.required else 'may be left out'}."
            subject = Subject(old, new, "parameter", key)
            spots = ("", after.pointer)
            yield _plain(level, "parameter.added", old, what, sentence, subject, None, after.name, spots=spots)


def _parameter(
    readers: tuple[Reader, Reader], old: Operation, before: Parameter, after: Parameter, subject: Subject
) -> Iterator[Draft]:
    what = f"{before.place} parameter {before.name}"
    for level, kind, was, now, sentence in _parameter_facts(before, after, what):
        key = "name" if kind == "renamed" else kind
        spots = (_spot(readers[0], before.pointer, key), _spot(readers[1], after.pointer, key))
        yield _plain(level, f"parameter.{kind}", old, what, sentence, subject, was, now, spots=spots)
    logical = (*old.key, "parameter", before.key)
    place = _Place(readers, "request", f"The {what}", f"{old.name}: {what}", logical, subject)
    yield from _schemas(place, before.node, after.node)
    if not after.required:
        yield from _default(place, before.node, after.node, (before.pointer, after.pointer))


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


def _default(place: _Place, before: Node, after: Node, spots: tuple[str, str]) -> Iterator[Draft]:
    """What is assumed of a value that is left out. Where nothing was said before, saying it takes nothing away."""
    was, now = before.note("default"), after.note("default")
    if same(was, now):
        return
    known = was is not None
    sentence = schema_sentence("request", place.thing, "default", was, now)
    yield Draft(
        Level.BREAKING if known else Level.COMPATIBLE,
        f"{place.subject.part}.default",
        (*place.logical, "default"),
        place.where,
        f"{sentence} A request that leaves it out means something else." if known else sentence,
        was,
        now,
        _spot(place.readers[1], after.pointer, "default") or spots[1],
        _spot(place.readers[0], before.pointer, "default") or spots[0],
        known and now is None,
        place.subject,
    )


def _body(readers: tuple[Reader, Reader], old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = old.body, new.body
    subject = Subject(old, new, "body")
    what = "request body"
    if before is None and after is not None:
        level = Level.BREAKING if after.required else Level.COMPATIBLE
        sentence = f"A request {'must' if after.required else 'may'} have a body now."
        yield _plain(level, "body.added", old, what, sentence, subject, spots=("", after.content.pointer))
    elif before is not None and after is None:
        spots = (before.content.pointer, "")
        yield _plain(
            Level.BREAKING, "body.removed", old, what, "The body of the request is gone.", subject, spots=spots
        )
    elif before is not None and after is not None:
        yield from _bodies(readers, old, new, before, after)


def _bodies(
    readers: tuple[Reader, Reader], old: Operation, new: Operation, before: Body, after: Body
) -> Iterator[Draft]:
    subject = Subject(old, new, "body")
    what = "request body"
    spots = (before.content.pointer, after.content.pointer)
    if before.required != after.required:
        level = Level.BREAKING if after.required else Level.COMPATIBLE
        sentence = f"The body of a request {'must be sent now' if after.required else 'may be left out now'}."
        yield _plain(level, "body.required", old, what, sentence, subject, before.required, after.required, spots=spots)
    yield from _media(old, what, before.content, after.content, subject)
    for media, node in before.content.media.items():
        other = _covering(media, after.content)
        if other is not None:
            inner = Subject(old, new, "body", media=media)
            logical = (*old.key, "body", media)
            place = _Place(readers, "request", "The body of a request", f"{old.name}: {what}", logical, inner)
            yield from _schemas(place, node, other)
            yield from _member_defaults(place, node, other)


def _member_defaults(place: _Place, before: Node, after: Node) -> Iterator[Draft]:
    """The defaults of the members of a body, as deep as both sides name them."""
    todo: list[tuple[Node, Node, tuple[str | int, ...]]] = [(before, after, ())]
    seen = set()
    while todo:
        old, new, path = todo.pop()
        if (old.key, new.key) in seen:
            continue
        seen.add((old.key, new.key))
        for name in old.names:
            if name in new.names:
                one, other, inner = old.member(name), new.member(name), (*path, "properties", name)
                if name not in new.facts.required:
                    yield from _default(_within(place, inner), one, other, (one.pointer, other.pointer))
                todo.append((one, other, inner))


def _within(place: _Place, path: tuple[str | int, ...]) -> _Place:
    thing = f"{place.member} {path_text(path)} of the request"
    subject = Subject(place.subject.old, place.subject.new, "body", media=place.subject.media, path=path)
    return _Place(place.readers, place.side, thing, place.where, (*place.logical, *path), subject)


# --- Answers ---


def _statuses(readers: tuple[Reader, Reader], old: Operation, new: Operation) -> Iterator[Draft]:
    for status, before in old.answers.items():
        after = new.answers.get(status) or new.answers.get(f"{status[0]}XX")
        subject = Subject(old, new, "status", status)
        if after is not None:
            yield from _answer(readers, old, new, status, before, after)
        elif "default" not in new.answers or _success(status):
            level = Level.BREAKING if _success(status) else Level.COMPATIBLE
            sentence = f"The status {status} is no longer answered."
            spots = (before.pointer, join(new.pointer, "responses"))
            yield _plain(level, "status.removed", old, f"status {status}", sentence, subject, status, spots=spots)
    for status, after in new.answers.items():
        if status in old.answers:
            continue
        before_range = old.answers.get(f"{status[0]}XX")
        if before_range is not None:
            yield from _answer(readers, old, new, status, before_range, after)
            continue
        level = Level.BREAKING if _success(status) else Level.COMPATIBLE
        sentence = f"The status {status} may be answered now."
        spots = (join(old.pointer, "responses"), after.pointer)
        subject = Subject(old, new, "status", status)
        yield _plain(level, "status.added", old, f"status {status}", sentence, subject, None, status, spots=spots)


def _success(status: str) -> bool:
    return status.startswith("2")


def _answer(
    readers: tuple[Reader, Reader], old: Operation, new: Operation, status: str, before: Answer, after: Answer
) -> Iterator[Draft]:
    subject = Subject(old, new, "answer", status)
    what = f"answer {status}"
    yield from _media(old, what, before.content, after.content, subject)
    for media, node in after.content.media.items():
        other = _covering(media, before.content)
        if other is not None:
            inner = Subject(old, new, "answer", status, media)
            logical = (*old.key, "answer", status, media)
            place = _Place(readers, "answer", f"The answer {status}", f"{old.name}: {what}", logical, inner)
            yield from _schemas(place, other, node)
            yield from additions(other, node, place.logical, place.where, inner)
    yield from _headers(readers, old, new, status, before, after)


def _headers(
    readers: tuple[Reader, Reader], old: Operation, new: Operation, status: str, before: Answer, after: Answer
) -> Iterator[Draft]:
    for name, was in before.headers.items():
        now = after.headers.get(name)
        what = f"header {was.name} of the answer {status}"
        subject = Subject(old, new, "header", status)
        if now is None:
            level = Level.BREAKING if was.required else Level.COMPATIBLE
            spots = (was.pointer, after.pointer)
            yield _plain(level, "header.removed", old, what, f"The {what} is gone.", subject, was.name, spots=spots)
            continue
        if was.required != now.required:
            level = Level.BREAKING if was.required else Level.COMPATIBLE
            sentence = f"The {what} {'may be missing now' if was.required else 'is always there now'}."
            spots = (was.pointer, now.pointer)
            yield _plain(
                level, "header.required", old, what, sentence, subject, was.required, now.required, spots=spots
            )
        logical = (*old.key, "header", status, name)
        place = _Place(readers, "answer", f"The {what}", f"{old.name}: {what}", logical, subject)
        yield from _schemas(place, was.node, now.node)
    for name, now in after.headers.items():
        if name not in before.headers:
            what = f"header {now.name} of the answer {status}"
            subject = Subject(old, new, "header", status)
            spots = (before.pointer, now.pointer)
            yield _plain(
                Level.COMPATIBLE, "header.added", old, what, f"The {what} is new.", subject, None, now.name, spots=spots
            )


# --- Both ---


def _media(old: Operation, what: str, before: Content, after: Content, subject: Subject) -> Iterator[Draft]:
    """The media types of a body: one that is gone leaves those who use it without."""
    spots = (before.pointer, after.pointer)
    for media in before.media:
        if _covering(media, after) is None:
            sentence = f"The {what} is no longer {media}."
            yield _plain(
                Level.BREAKING, "media.removed", old, f"{what}, {media}", sentence, subject, media, spots=spots
            )
    for media in after.media:
        if _covering(media, before) is None:
            sentence = f"The {what} may also be {media} now."
            yield _plain(
                Level.COMPATIBLE, "media.added", old, f"{what}, {media}", sentence, subject, None, media, spots=spots
            )


def _covering(media: str, content: Content) -> Node | None:
    """The schema for a media type: its own, or that of the range which holds it."""
    family = media.partition("/")[0]
    found = (content.media.get(name) for name in (media, f"{family}/*", "*/*"))
    return next((node for node in found if node is not None), None)


def _schemas(place: _Place, old: Node, new: Node) -> Iterator[Draft]:
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


def _draft(place: _Place, problem: Problem, level: Level, *, old_is_small: bool) -> Draft:
    sides = (problem.small, problem.large), (problem.small_pointer, problem.large_pointer)
    (old, new), (old_pointer, new_pointer) = sides if old_is_small else (side[::-1] for side in sides)
    inner = path_text(problem.path)
    body = "request" if place.side == "request" else place.thing.partition(" ")[2]
    thing = f"{place.member} {inner} of the {body}" if inner else place.thing
    name = problem.keyword
    gone = problem.why == GONE and place.side == "answer" and level is Level.BREAKING
    sentence = schema_sentence(place.side, thing, name, old, new, gone=gone)
    subject = place.subject
    return Draft(
        level,
        f"{subject.part}.{name}",
        (*place.logical, *problem.path, name),
        f"{place.where}{', ' if inner else ''}{inner}",
        sentence
        + (
            f" Whether that breaks anything cannot be told: {problem.why}."
            if problem.cannot and level is Level.BREAKING
            else ""
        ),
        old,
        new,
        _spot(place.readers[1], new_pointer, name),
        _spot(place.readers[0], old_pointer, name),
        problem.cannot and level is Level.BREAKING,
        Subject(subject.old, subject.new, subject.part, subject.name, subject.media, (*subject.path, *problem.path)),
    )


def _spot(reader: Reader, pointer: str, keyword: str) -> str:
    """The pointer of a keyword where it is stated, or else of its schema; "" for a schema that is not there."""
    inner = join(pointer, keyword)
    try:
        resolve(reader.document, inner)
    except (LookupError, ValueError):
        return pointer
    return inner if pointer else ""

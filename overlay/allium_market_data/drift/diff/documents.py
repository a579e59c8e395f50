"""Two documents, two questions of every operation of the old one, and every difference that they bring up.

Answers: is every answer that the new document allows one that the old document allowed? Questions: is every request that
the old document allowed still allowed? A no is breaking, and so is what cannot be told. What only narrows answers or
widens requests is compatible; `wording` finds what changed in words alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...codegen.canonical import join, same
from ...codegen.document import check_references
from ...codegen.page import Document, check
from ..model import Change, Level, fingerprint, ordered
from ..schema.schema import Resolver
from .finding import Draft, Finding, Location, merged
from .operations import Operation, Response, operations
from .requests import questions
from .schemas import Place, covering, finding, media_changes, schema_changes
from .security import access
from .wording import additions, wording


def compare(old: Document, new: Document) -> list[Change]:
    """Every change between two documents, the worst first; none for documents that say the same.

    Raises `SpecError` for what is no OpenAPI document of version 3.0 or 3.1, and for references that lead nowhere.
    """
    return [*ordered(found.change for found in differences(old, new))]


def differences(old: Document, new: Document) -> list[Finding]:
    """The changes of `compare`, unordered, each with what it is about."""
    for name, document in (("the old document", old), ("the new document", new)):
        check_references(name, check(name, document))
    resolvers = (Resolver(old), Resolver(new))
    return merged(_all(resolvers, *(operations(resolver) for resolver in resolvers)))


def _all(
    resolvers: tuple[Resolver, Resolver],
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
                old_pointer=old.pointer,
                location=Location(old, None, "operation"),
            )
            continue
        yield from _operation(resolvers, old, after[key])
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
                location=Location(None, new, "operation"),
            )
    yield from wording(resolvers, before, after)
    yield from _webhooks(*(resolver.document for resolver in resolvers))


def _operation(resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation) -> Iterator[Draft]:
    yield from questions(resolvers, old, new)
    yield from _statuses(resolvers, old, new)
    yield from access(old, new)
    yield from _deprecated(old, new)
    if not same(old.extra, new.extra):
        location = Location(old, new, "callbacks")
        level = Level.BREAKING if old.extra else Level.COMPATIBLE
        marks = [fingerprint(side.extra) if side.extra else None for side in (old, new)]
        yield finding(
            level,
            "operation.callbacks",
            old,
            "callbacks",
            "The callbacks are others now.",
            location,
            *marks,
            cannot_tell=None not in marks,
        )


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
                fingerprint(before[name]) if name in before else None,
                fingerprint(after[name]) if name in after else None,
                spot,
                spot,
                cannot_tell=name in before and name in after,
            )


def _deprecated(old: Operation, new: Operation) -> Iterator[Draft]:
    before, after = (operation.raw.get("deprecated", False) is True for operation in (old, new))
    if before != after:
        sentence = f"{old.name} is {'deprecated now' if after else 'no longer deprecated'}."
        location = Location(old, new, "operation")
        yield finding(Level.COMPATIBLE, "operation.deprecated", old, "deprecated", sentence, location, before, after)


def _statuses(resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation) -> Iterator[Draft]:
    for status, before in old.responses.items():
        after = new.responses.get(status) or new.responses.get(f"{status[0]}XX")
        location = Location(old, new, "status", status)
        if after is not None:
            yield from _answer(resolvers, old, new, status, before, after)
        elif "default" not in new.responses or _success(status):
            narrowed = status.endswith("XX") and any(name[0] == status[0] for name in new.responses)
            level = Level.BREAKING if _success(status) and not narrowed else Level.COMPATIBLE
            sentence = f"The status {status} is no longer answered."
            spots = (before.pointer, join(new.pointer, "responses"))
            yield finding(level, "status.removed", old, f"status {status}", sentence, location, status, spots=spots)
    for status, after in new.responses.items():
        if status in old.responses:
            continue
        before_range = old.responses.get(f"{status[0]}XX")
        if before_range is not None:
            yield from _answer(resolvers, old, new, status, before_range, after)
            continue
        level = Level.BREAKING if _success(status) else Level.COMPATIBLE
        sentence = f"The status {status} may be answered now."
        spots = (join(old.pointer, "responses"), after.pointer)
        location = Location(old, new, "status", status)
        yield finding(level, "status.added", old, f"status {status}", sentence, location, None, status, spots=spots)


def _success(status: str) -> bool:
    return status.startswith("2")


def _answer(
    resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation, status: str, before: Response, after: Response
) -> Iterator[Draft]:
    location = Location(old, new, "response", status)
    what = f"answer {status}"
    yield from media_changes(old, what, before.content, after.content, location)
    for media, node in after.content.media.items():
        other = covering(media, before.content)
        if other is not None:
            inner = Location(old, new, "response", status, media)
            logical = (*old.key, "response", status, media)
            place = Place(resolvers, "response", f"The {what}", f"the {what}", f"{old.name}: {what}", logical, inner)
            yield from schema_changes(place, other, node)
            yield from additions(other, node, place.logical, place.where, inner)
    yield from _headers(resolvers, old, new, status, before, after)


def _headers(
    resolvers: tuple[Resolver, Resolver], old: Operation, new: Operation, status: str, before: Response, after: Response
) -> Iterator[Draft]:
    for name, was in before.headers.items():
        now = after.headers.get(name)
        what = f"header {was.name} of the answer {status}"
        location = Location(old, new, "header", status)
        if now is None:
            level = Level.BREAKING if was.required else Level.COMPATIBLE
            spots = (was.pointer, after.pointer)
            yield finding(level, "header.removed", old, what, f"The {what} is gone.", location, was.name, spots=spots)
            continue
        if was.required != now.required:
            level = Level.BREAKING if was.required else Level.COMPATIBLE
            sentence = f"The {what} {'may be missing now' if was.required else 'is always there now'}."
            spots = (was.pointer, now.pointer)
            yield finding(
                level, "header.required", old, what, sentence, location, was.required, now.required, spots=spots
            )
        logical = (*old.key, "header", status, name)
        place = Place(resolvers, "response", f"The {what}", f"the {what}", f"{old.name}: {what}", logical, location)
        yield from schema_changes(place, was.schema, now.schema)
    for name, now in after.headers.items():
        if name not in before.headers:
            what = f"header {now.name} of the answer {status}"
            location = Location(old, new, "header", status)
            spots = (before.pointer, now.pointer)
            yield finding(
                Level.COMPATIBLE,
                "header.added",
                old,
                what,
                f"The {what} is new.",
                location,
                None,
                now.name,
                spots=spots,
            )

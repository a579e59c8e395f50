"""What changed in words, titles and examples alone, and which members of an answer came or went unneeded.

`texts` puts every text of a document in its logical place, so that the same text is found again wherever a reference
keeps it; `prose` looks for quoted sentences in the same table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...codegen.canonical import join, same
from ..model import Level
from ..schema.schema import Resolver, Schema, walk, walk_pairs
from .finding import Draft, Location
from .operations import Content, Operation, Parameter, Response
from .security import scheme
from .text import path_text, said

_KEYS: Final = (
    "title",
    "summary",
    "description",
    "example",
    "examples",
    "externalDocs",
    "tags",
    "operationId",
    "links",
)
_NOTABLE: Final = frozenset({"deprecated", "discriminator", "xml", "contentEncoding", "contentMediaType"})
"""Annotations that allow and refuse nothing, and that a resolver may act upon all the same."""
_SCHEMA_KEYS: Final = ("title", "description", "example", "examples", "externalDocs", *sorted(_NOTABLE))
_MOST: Final = 1500
_INFO: Final = ("title", "version", "summary", "description", "termsOfService", "contact", "license")


@dataclass(frozen=True, slots=True)
class Text:
    """One annotation: its logical place (the last token is its key), its value, its pointer, and where it is in words."""

    place: tuple[str | int, ...]
    value: Any
    pointer: str
    where: str


Texts = dict[tuple[str | int, ...], Text]


def texts(resolver: Resolver, operations: Mapping[tuple[str, str], Operation]) -> Texts:
    """Every annotation that an operation or the document as a whole has, by logical place."""
    found = [*_document_texts(resolver)]
    for operation in operations.values():
        found += _operation_texts(operation)
    return {text.place: text for text in found}


def wording(
    resolvers: tuple[Resolver, Resolver],
    before: Mapping[tuple[str, str], Operation],
    after: Mapping[tuple[str, str], Operation],
) -> Iterator[Draft]:
    """Texts that are others now, in places that both documents have."""
    old, new = texts(resolvers[0], before), texts(resolvers[1], after)
    owners = {text.place[:-1] for text in old.values()} & {text.place[:-1] for text in new.values()}
    for place in {**old, **new}:
        was, now = old.get(place), new.get(place)
        if place[:-1] not in owners or (was and now and same(was.value, now.value)):
            continue
        text = now or was
        if text is None or place[-1] == "":
            continue
        yield Draft(
            Level.COMPATIBLE if place[-1] in _NOTABLE else Level.DOCS,
            f"words.{place[-1]}",
            place,
            text.where,
            _sentence(str(place[-1]), text.where, was, now),
            was.value if was else None,
            now.value if now else None,
            now.pointer if now else "",
            was.pointer if was else "",
            location=Location(before.get(tuple(place[:2])), after.get(tuple(place[:2])), "words"),  # type: ignore[arg-type]
        )


def _sentence(key: str, where: str, was: Text | None, now: Text | None) -> str:
    named = f"The {key} of {where}"
    is_, was_ = ("are", "were") if key in {"tags", "examples"} else ("is", "was")
    if was is None:
        return f"{named} {is_} new: {said(now.value if now else None)}."
    if now is None:
        return f"{named} {is_} gone: {said(was.value)}."
    return f"{named} {was_} {said(was.value)}, and {is_} {said(now.value)} now."


def _of(raw: Any, keys: tuple[str, ...], place: tuple[str | int, ...], pointer: str, where: str) -> Iterator[Text]:
    """The annotations of one object; the empty key marks that the object is there."""
    yield Text((*place, ""), None, pointer, where)
    if isinstance(raw, Mapping):
        for key in [*keys, *(key for key in raw if key.startswith("x-"))]:
            if key in raw:
                yield Text((*place, key), raw[key], join(pointer, key), where)


def _document_texts(resolver: Resolver) -> Iterator[Text]:
    document = resolver.document
    yield from _of(document.get("info", {}), _INFO, ("info",), "/info", "the document")
    yield from _of(document, ("externalDocs", "tags"), ("document",), "", "the document")
    servers = document.get("servers", [])
    for at, server in enumerate(servers if isinstance(servers, list) else []):
        if isinstance(server, dict):
            url = str(server.get("url"))
            yield from _of(server, ("description",), ("server", url), join("/servers", at), f"the server {url}")


def _operation_texts(operation: Operation) -> Iterator[Text]:
    key = operation.key
    yield from _of(operation.raw, _KEYS, key, operation.pointer, operation.name)
    for parameter in operation.parameters.values():
        place = (*key, "parameter", parameter.key)
        yield from _parameter_texts(parameter, place, f"the {parameter.place} parameter {parameter.name}")
    if operation.body is not None:
        pointer = operation.body.content.pointer.rpartition("/")[0]
        yield from _of(operation.body.raw, _KEYS, (*key, "body"), pointer, "the request body")
        yield from _content_texts(operation.body.content, (*key, "body"), "the request body")
    for status, answer in operation.responses.items():
        yield from _answer_texts(answer, (*key, "response", status), f"the answer {status}")
    for requirement in operation.security or ():
        for name in requirement:
            pointer = join("/components/securitySchemes", name)
            yield from _of(
                scheme(operation.resolver, name),
                ("description", "bearerFormat"),
                ("scheme", name),
                pointer,
                f"the scheme {name}",
            )


def _parameter_texts(parameter: Parameter, place: tuple[str | int, ...], where: str) -> Iterator[Text]:
    yield from _of(parameter.raw, _KEYS, place, parameter.pointer, where)
    yield from _schema_texts(parameter.schema, (*place, "schema"), where)


def _answer_texts(answer: Response, place: tuple[str | int, ...], where: str) -> Iterator[Text]:
    yield from _of(answer.raw, _KEYS, place, answer.pointer, where)
    for header in answer.headers.values():
        yield from _parameter_texts(header, (*place, "header", header.key), f"the header {header.name} of {where}")
    yield from _content_texts(answer.content, place, where)


def _content_texts(content: Content, place: tuple[str | int, ...], where: str) -> Iterator[Text]:
    for media, node in content.media.items():
        yield from _of(
            content.raw[media], ("example", "examples"), (*place, media), join(content.pointer, media), where
        )
        yield from _schema_texts(node, (*place, media, "schema"), where)


def _schema_texts(node: Schema, place: tuple[str | int, ...], where: str) -> Iterator[Text]:
    for path, inner in walk(node):
        text = path_text(path)
        named = f"{where}, {text}" if text else where
        found: dict[str, Text] = {}
        for spot in inner.subschemas:
            keys = (*_SCHEMA_KEYS, *(("default",) if "response" in place else ()))
            for made in _of(spot.value, keys, (*place, *path), spot.pointer, named):
                found.setdefault(str(made.place[-1]), made)
        yield from found.values()


def additions(
    old: Schema, new: Schema, logical: tuple[str | int, ...], where: str, location: Location
) -> Iterator[Draft]:
    """Members of an answer that only one side sends, where nothing forces a resolver to know or to miss them."""
    for path, before, after in walk_pairs(old, new):
        was, now = (_sent(node) for node in (before, after))
        for name in [*now.keys() - was.keys(), *was.keys() - now.keys()]:
            text = path_text((*path, "properties", name))
            if name in was and name in before.constraints.required:
                continue  # that is a break, and found as one
            added = name in now
            kind = "new-field" if added else "optional-field-gone"
            told = "is new" if added else "could be missing before, and is gone"
            yield Draft(
                Level.COMPATIBLE,
                f"response.{kind}",
                (*logical, *path, "properties", name),
                f"{where}, {text}",
                f"The field {text} of the {location.part} {location.name} {told}.",
                None if added else text,
                text if added else None,
                now[name].pointer if added else after.pointer,
                "" if added else was[name].pointer,
                location=Location(
                    location.old, location.new, "response", location.name, location.media, (*path, "properties", name)
                ),
            )


def _sent(node: Schema) -> dict[str, Schema]:
    members = {name: node.member(name) for name in node.names}
    return {name: member for name, member in members.items() if not member.is_hidden("response")}

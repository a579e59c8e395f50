"""Annotations: titles, descriptions, examples and other keywords that do not restrict what is sent.

Each annotation has a logical path, so that it is found again wherever a reference keeps it; `prose` looks for quoted
sentences in the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, TypeAlias

from ...codegen.canonical import join, same
from ..model import Level
from ..schema.schema import Path, Resolver, Schema
from ..schema.traversal import walk
from .finding import Finding, Location, finding
from .operations import Content, Operation, OperationKey, Parameter, Response
from .security import scheme
from .text import field_name, format_value

_KEYS: Final = (
    *("title", "summary", "description", "example", "examples"),
    *("externalDocs", "tags", "operationId", "links"),
)
_NOTABLE: Final = frozenset({"deprecated", "discriminator", "xml", "contentEncoding", "contentMediaType"})
"""Annotations that a reader may act upon all the same."""
_SCHEMA_KEYS: Final = ("title", "description", "example", "examples", "externalDocs", *sorted(_NOTABLE))
_INFO_KEYS: Final = ("title", "version", "summary", "description", "termsOfService", "contact", "license")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation: its logical path (the last token is its key), its value, and its pointer.

    ``owner`` names the thing in words; where the annotation is inside of a schema, ``steps`` lead from there to its place.
    """

    path: Path
    value: Any
    pointer: str
    owner: str
    steps: Path = ()

    @property
    def where(self) -> str:
        """What the annotation is about, in words."""
        return field_name(self.steps, self.owner)


Annotations: TypeAlias = dict[Path, Annotation]


@dataclass(frozen=True, slots=True)
class _SchemaOf:
    """A schema of an operation, whose annotations are those of `_inside`: its logical path, and its owner in words."""

    path: Path
    schema: Schema
    owner: str

    def annotations(self, inner: Iterable[Annotation]) -> Iterator[Annotation]:
        """Annotations of the schema as those of the operation."""
        return (replace(each, path=(*self.path, *each.path), owner=self.owner) for each in inner)


def collect_annotations(resolver: Resolver, operations: Mapping[OperationKey, Operation]) -> Annotations:
    """Every annotation of the operations and of the document as a whole, by logical path."""
    plain, schemas = _collected(resolver, operations)
    for each in schemas.values():
        plain.update((annotation.path, annotation) for annotation in each.annotations(_inside(each)))
    return plain


def annotation_findings(
    resolvers: tuple[Resolver, Resolver],
    before: Mapping[OperationKey, Operation],
    after: Mapping[OperationKey, Operation],
) -> Iterator[Finding]:
    """Annotations that changed, of parts that both documents have.

    The annotations of schemas that ``resolver.skipped`` names are left out.
    """
    (old, old_schemas), (new, new_schemas) = _collected(resolvers[0], before), _collected(resolvers[1], after)
    changes = [_changes(old, new)]
    for path, schema in old_schemas.items():
        if path in new_schemas:
            changes.append(_schema_changes(schema, new_schemas[path]))
    for was, now in chain.from_iterable(changes):
        present = now or was
        if present is not None:
            path = present.path
            operation = (str(path[0]), str(path[1]) if len(path) > 1 else "")
            yield finding(
                Level.COMPATIBLE if path[-1] in _NOTABLE else Level.DOCS,
                f"words.{path[-1]}",
                path,
                present.where,
                _sentence(f"The {path[-1]} of {present.where}", was, now),
                (was.value if was else None, now.value if now else None),
                (was.pointer if was else "", now.pointer if now else ""),
                Location(before.get(operation), after.get(operation), "words"),
            )


def _collected(
    resolver: Resolver, operations: Mapping[OperationKey, Operation]
) -> tuple[Annotations, dict[Path, _SchemaOf]]:
    """The annotations outside of schemas, and the schemas, by logical path."""
    every = [*_of_document(resolver), *chain.from_iterable(map(_of_operation, operations.values()))]
    plain = {each.path: each for each in every if isinstance(each, Annotation)}
    return plain, {each.path: each for each in every if isinstance(each, _SchemaOf)}


_Changes: TypeAlias = Iterable[tuple[Annotation | None, Annotation | None]]


def _changes(old: Annotations, new: Annotations) -> _Changes:
    """The pairs of annotations that differ, of owners that both sides have."""
    owners = {path[:-1] for path in old} & {path[:-1] for path in new}
    for path in {**old, **new}:
        was, now = old.get(path), new.get(path)
        if path[:-1] in owners and path[-1] != "" and not (was and now and same(was.value, now.value)):
            yield was, now


def _schema_changes(old: _SchemaOf, new: _SchemaOf) -> _Changes:
    """The pairs of annotations of two schemas that differ; each pair of schemas is compared once."""
    with_default = "response" in old.path
    key = ("changed annotations", new.schema.resolver, new.schema.key, with_default)

    def compared() -> list[tuple[Annotation | None, Annotation | None]]:
        sides = ({each.path: each for each in _inside(side)} for side in (old, new))
        return [*_changes(*sides)]

    for was, now in old.schema.derive(key, compared):
        yield next(old.annotations([was])) if was else None, next(new.annotations([now])) if now else None


def _sentence(thing: str, was: Annotation | None, now: Annotation | None) -> str:
    if was is None:
        return f"{thing} was added: {format_value(now.value if now else None)}."
    if now is None:
        return f"{thing} was removed: {format_value(was.value)}."
    return f"{thing} changed from {format_value(was.value)} to {format_value(now.value)}."


def _of(raw: Any, keys: tuple[str, ...], path: Path, pointer: str, where: str) -> Iterator[Annotation]:
    """The annotations of one object; the empty key marks that the object is there."""
    yield Annotation((*path, ""), None, pointer, where)
    if isinstance(raw, Mapping):
        for key in [*keys, *(key for key in raw if key.startswith("x-"))]:
            if key in raw:
                yield Annotation((*path, key), raw[key], join(pointer, key), where)


def _of_document(resolver: Resolver) -> Iterator[Annotation]:
    document = resolver.document
    yield from _of(document.get("info", {}), _INFO_KEYS, ("info",), "/info", "the document")
    yield from _of(document, ("externalDocs", "tags"), ("document",), "", "the document")
    servers = document.get("servers", [])
    for at, server in enumerate(servers if isinstance(servers, list) else []):
        if isinstance(server, dict):
            url = str(server.get("url"))
            yield from _of(server, ("description",), ("server", url), join("/servers", at), f"the server {url}")


def _of_operation(operation: Operation) -> Iterator[Annotation | _SchemaOf]:
    key = operation.key
    yield from _of(operation.raw, _KEYS, key, operation.pointer, operation.name)
    for parameter in operation.parameters.values():
        where = f"the {parameter.place} parameter {parameter.name}"
        yield from _of_parameter(parameter, (*key, "parameter", parameter.key), where)
    if operation.body is not None:
        pointer = operation.body.content.pointer.rpartition("/")[0]
        yield from _of(operation.body.raw, _KEYS, (*key, "body"), pointer, "the request body")
        yield from _of_content(operation.body.content, (*key, "body"), "the request body")
    for status, response in operation.responses.items():
        yield from _of_response(response, (*key, "response", status), f"the response {status}")
    for name in [name for requirement in operation.security or () for name in requirement]:
        pointer, raw = join("/components/securitySchemes", name), scheme(operation.resolver, name)
        yield from _of(raw, ("description", "bearerFormat"), ("scheme", name), pointer, f"the scheme {name}")


def _of_parameter(parameter: Parameter, path: Path, where: str) -> Iterator[Annotation | _SchemaOf]:
    yield from _of(parameter.raw, _KEYS, path, parameter.pointer, where)
    yield _SchemaOf((*path, "schema"), parameter.schema, where)


def _of_response(response: Response, path: Path, where: str) -> Iterator[Annotation | _SchemaOf]:
    yield from _of(response.raw, _KEYS, path, response.pointer, where)
    for header in response.headers.values():
        yield from _of_parameter(header, (*path, "header", header.key), f"the header {header.name} of {where}")
    yield from _of_content(response.content, path, where)


def _of_content(content: Content, path: Path, where: str) -> Iterator[Annotation | _SchemaOf]:
    for media, schema in content.media.items():
        pointer = join(content.pointer, media)
        yield from _of(content.raw[media], ("example", "examples"), (*path, media), pointer, where)
        yield _SchemaOf((*path, media, "schema"), schema, where)


def _inside(of: _SchemaOf) -> list[Annotation]:
    """The annotations of a schema and of the schemas inside it, by their paths from there."""
    schema, with_default = of.schema, "response" in of.path
    skipped = schema.resolver.skipped
    if skipped is not None and skipped(schema):
        return []
    return schema.derive(("annotations", with_default), lambda: [*_walked(schema, with_default=with_default)])


def _walked(schema: Schema, *, with_default: bool) -> Iterator[Annotation]:
    keys = (*_SCHEMA_KEYS, *(("default",) if with_default else ()))
    for steps, inner in walk(schema, schema.resolver.skipped):
        first: dict[Path, Annotation] = {}
        for subschema in inner.subschemas:
            for each in _of(subschema.value, keys, steps, subschema.pointer, ""):
                first.setdefault(each.path, replace(each, steps=steps))
        yield from first.values()

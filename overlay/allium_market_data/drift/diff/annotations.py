"""Annotations: titles, descriptions, examples and other keywords that do not restrict what is sent.

Each annotation has a logical path, so that it is found again wherever a reference keeps it; `prose` looks for quoted
sentences in the same table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ...codegen.canonical import join, same
from ..model import Level
from ..schema.schema import Path, Resolver, Schema, walk
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


def collect_annotations(resolver: Resolver, operations: Mapping[OperationKey, Operation]) -> Annotations:
    """Every annotation of the operations and of the document as a whole, by logical path.

    The annotations of schemas that ``resolver.skipped`` names are left out.
    """
    every = [*_of_document(resolver)]
    for operation in operations.values():
        every += _of_operation(operation)
    return {annotation.path: annotation for annotation in every}


def annotation_findings(
    resolvers: tuple[Resolver, Resolver],
    before: Mapping[OperationKey, Operation],
    after: Mapping[OperationKey, Operation],
) -> Iterator[Finding]:
    """Annotations that changed, of parts that both documents have."""
    old, new = collect_annotations(resolvers[0], before), collect_annotations(resolvers[1], after)
    owners = {path[:-1] for path in old} & {path[:-1] for path in new}
    for path in {**old, **new}:
        was, now = old.get(path), new.get(path)
        present = now or was
        if path[:-1] not in owners or path[-1] == "" or present is None:
            continue
        if was and now and same(was.value, now.value):
            continue
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


def _of_operation(operation: Operation) -> Iterator[Annotation]:
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


def _of_parameter(parameter: Parameter, path: Path, where: str) -> Iterator[Annotation]:
    yield from _of(parameter.raw, _KEYS, path, parameter.pointer, where)
    yield from _of_schema(parameter.schema, (*path, "schema"), where)


def _of_response(response: Response, path: Path, where: str) -> Iterator[Annotation]:
    yield from _of(response.raw, _KEYS, path, response.pointer, where)
    for header in response.headers.values():
        yield from _of_parameter(header, (*path, "header", header.key), f"the header {header.name} of {where}")
    yield from _of_content(response.content, path, where)


def _of_content(content: Content, path: Path, where: str) -> Iterator[Annotation]:
    for media, schema in content.media.items():
        pointer = join(content.pointer, media)
        yield from _of(content.raw[media], ("example", "examples"), (*path, media), pointer, where)
        yield from _of_schema(schema, (*path, media, "schema"), where)


def _of_schema(schema: Schema, path: Path, where: str) -> Iterator[Annotation]:
    if schema.resolver.skipped is None or not schema.resolver.skipped(schema):
        with_default = "response" in path
        inner = schema.derive(("annotations", with_default), lambda: [*_inside(schema, with_default=with_default)])
        for each in inner:
            yield Annotation((*path, *each.path), each.value, each.pointer, where, each.steps)


def _inside(schema: Schema, *, with_default: bool) -> Iterator[Annotation]:
    """The annotations of a schema and of the schemas inside it, by their paths from there."""
    keys = (*_SCHEMA_KEYS, *(("default",) if with_default else ()))
    for steps, inner in walk(schema, schema.resolver.skipped):
        first: dict[Path, Annotation] = {}
        for subschema in inner.subschemas:
            for each in _of(subschema.value, keys, steps, subschema.pointer, ""):
                first.setdefault(each.path, replace(each, steps=steps))
        yield from first.values()

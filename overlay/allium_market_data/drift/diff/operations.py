"""The operations of a document as they matter in an exchange: references followed, defaults filled in, names normalized.

Nothing here depends on the order in which a document lists its parts, or on where it keeps them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ...codegen.canonical import join
from ...codegen.page import METHODS
from ..schema.constraints import mapping, sequence
from ..schema.schema import Resolver, Schema

Raw: TypeAlias = Mapping[str, Any]
OperationKey: TypeAlias = tuple[str, str]

_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_IGNORED_HEADERS: Final = {"accept", "content-type", "authorization"}
"""Header parameters that OpenAPI says to ignore, because other parts of the document describe them."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its schemas by media type, and its pointer."""

    pointer: str
    media: Mapping[str, Schema]
    raw: Mapping[str, Raw]

    def schema_for(self, media: str) -> Schema | None:
        """The schema for a media type: its own, or that of a range such as ``application/*`` that includes it."""
        ranges = (media, f"{media.partition('/')[0]}/*", "*/*")
        return next((self.media[name] for name in ranges if name in self.media), None)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, or a header of a response. ``key`` identifies it in another document."""

    key: str
    name: str
    place: str
    required: bool
    style: str
    explode: bool
    schema: Schema
    raw: Raw
    pointer: str

    @property
    def is_scalar(self) -> bool:
        """Whether its values are neither lists nor objects, so that ``explode`` has no effect."""
        return self.schema.constraints.types.isdisjoint({"array", "object"})


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request."""

    required: bool
    content: Content
    raw: Raw


@dataclass(frozen=True, slots=True)
class Response:
    """A response: its headers by lower-case name, and its body."""

    pointer: str
    headers: Mapping[str, Parameter]
    content: Content
    raw: Raw


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``key`` leaves out the names of path parameters; ``name`` is METHOD and path as written."""

    key: OperationKey
    name: str
    path: str
    pointer: str
    raw: Raw
    parameters: Mapping[str, Parameter]
    body: Body | None
    responses: Mapping[str, Response]
    security: tuple[Raw, ...] | None
    security_pointer: str
    servers: tuple[Raw, ...]
    servers_pointer: str
    resolver: Resolver


def operations(resolver: Resolver) -> dict[OperationKey, Operation]:
    """The operations of a document by their key. Raises `SpecError` for a document of another shape.

    The names of path parameters are not part of a key, unless two operations differ in nothing else.
    """
    found = list(_operations(resolver))
    count = Counter(operation.key for operation in found)
    unique = (operation if count[operation.key] == 1 else _with_names(operation) for operation in found)
    return {operation.key: operation for operation in unique}


def _with_names(operation: Operation) -> Operation:
    method, _, path = operation.name.partition(" ")
    return replace(operation, key=(method, path))


def _operations(resolver: Resolver) -> Iterator[Operation]:
    for path, stated in mapping(resolver.document.get("paths", {}), "/paths").items():
        if path.startswith("/"):
            item, pointer = _follow(resolver, stated, join("/paths", path))
            for method in METHODS:
                if method in item:
                    yield _operation(resolver, path, method, (item, pointer))


def _operation(resolver: Resolver, path: str, method: str, item: tuple[Raw, str]) -> Operation:
    pointer = join(item[1], method)
    raw = mapping(item[0][method], pointer)
    responses = mapping(raw.get("responses", {}), join(pointer, "responses"))
    security, security_pointer = _innermost("security", (raw, pointer), (resolver.document, ""))
    servers, servers_pointer = _innermost("servers", (raw, pointer), item, (resolver.document, ""))
    return Operation(
        key=(method.upper(), re.sub(r"\{[^}]*\}", "{}", path)),
        name=f"{method.upper()} {path}",
        path=path,
        pointer=pointer,
        raw=raw,
        parameters=_parameters(resolver, path, item, (raw, pointer)),
        body=_body(resolver, raw, pointer),
        responses={
            status if status == "default" else status.upper(): _response(
                resolver, value, join(pointer, "responses", status)
            )
            for status, value in responses.items()
            if not status.startswith("x-")
        },
        security=None if security is None else tuple(_mappings(security, security_pointer)),
        security_pointer=security_pointer,
        servers=tuple(_mappings(servers or [{"url": "/"}], servers_pointer)),
        servers_pointer=servers_pointer,
        resolver=resolver,
    )


def _follow(resolver: Resolver, value: Any, pointer: str) -> tuple[dict[str, Any], str]:
    target, place = resolver.follow(value, pointer)
    return mapping(target, place), place


def _innermost(key: str, *levels: tuple[Raw, str]) -> tuple[Any, str]:
    """The value of the innermost level that has the key, and its pointer."""
    return next(((raw[key], join(pointer, key)) for raw, pointer in levels if key in raw), (None, "/" + key))


def _mappings(value: Any, pointer: str) -> Iterator[dict[str, Any]]:
    for at, item in enumerate(sequence(value, pointer)):
        yield mapping(item, join(pointer, at))


def _parameters(resolver: Resolver, path: str, *levels: tuple[Raw, str]) -> dict[str, Parameter]:
    """The parameters of the path item and of the operation; the latter win."""
    positions = {name: at for at, name in enumerate(re.findall(r"\{([^}]*)\}", path), 1)}
    parameters = {}
    for raw, pointer in levels:
        place = join(pointer, "parameters")
        for at, stated in enumerate(sequence(raw.get("parameters", []), place)):
            parameter = _parameter(resolver, *_follow(resolver, stated, join(place, at)), positions)
            if parameter.place != "header" or parameter.name.lower() not in _IGNORED_HEADERS:
                parameters[parameter.key] = parameter
    return parameters


def _parameter(resolver: Resolver, raw: Raw, pointer: str, positions: Mapping[str, int]) -> Parameter:
    name, place = str(raw.get("name", "")), str(raw.get("in", ""))
    normalized = str(positions.get(name, name)) if place == "path" else name.lower() if place == "header" else name
    style = str(raw.get("style", _STYLES.get(place, "form")))
    return Parameter(
        key=f"{place}:{normalized}",
        name=name,
        place=place,
        required=raw.get("required") is True,
        style=style,
        explode=raw.get("explode", style == "form") is True,
        schema=_parameter_schema(resolver, raw, pointer),
        raw=raw,
        pointer=pointer,
    )


def _parameter_schema(resolver: Resolver, raw: Raw, pointer: str) -> Schema:
    if "content" in raw:
        return next(iter(_content(resolver, raw, pointer).media.values()), resolver.schema(True, pointer))
    return resolver.schema(raw.get("schema", True), join(pointer, "schema"))


def _content(resolver: Resolver, raw: Raw, pointer: str) -> Content:
    place = join(pointer, "content")
    stated = mapping(raw.get("content", {}), place)
    values = {name: mapping(value, place) for name, value in stated.items()}
    schemas = {
        _normalized_media(name): resolver.schema(value.get("schema", True), join(place, name, "schema"))
        for name, value in values.items()
    }
    return Content(place, schemas, {_normalized_media(name): value for name, value in values.items()})


def _normalized_media(name: str) -> str:
    """A media type in lower case and without its charset, which JSON does not have."""
    kind, *parameters = [part.strip().lower() for part in name.split(";")]
    return ";".join([kind, *sorted(part for part in parameters if part and not part.startswith("charset="))])


def _body(resolver: Resolver, raw: Raw, pointer: str) -> Body | None:
    if "requestBody" not in raw:
        return None
    body, place = _follow(resolver, raw["requestBody"], join(pointer, "requestBody"))
    return Body(body.get("required") is True, _content(resolver, body, place), body)


def _response(resolver: Resolver, stated: Any, pointer: str) -> Response:
    raw, place = _follow(resolver, stated, pointer)
    headers = {}
    for name, header in mapping(raw.get("headers", {}), join(place, "headers")).items():
        value, at = _follow(resolver, header, join(place, "headers", name))
        if name.lower() != "content-type":
            headers[name.lower()] = _parameter(resolver, {**value, "name": name, "in": "header"}, at, {})
    return Response(place, headers, _content(resolver, raw, place), raw)

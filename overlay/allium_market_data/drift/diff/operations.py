"""The operations of a document as they matter on the wire: references followed, defaults filled in, names folded.

Nothing here depends on the order in which a document says things, or on where it keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...codegen.canonical import join
from ...codegen.page import METHODS, Document
from ..schema.constraints import mapping, sequence
from ..schema.schema import Resolver, Schema

_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_SPOKEN_FOR: Final = {"accept", "content-type", "authorization"}
"""Header parameters that OpenAPI says to ignore: other parts of the document speak for them."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body: one schema a media type, each with its pointer."""

    pointer: str
    media: Mapping[str, Schema]
    raw: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, or a header of an answer. ``key`` is what makes it the same one in another document."""

    key: str
    name: str
    place: str
    required: bool
    style: str
    explode: bool
    schema: Schema
    raw: Mapping[str, Any]
    pointer: str

    @property
    def scalar(self) -> bool:
        """Whether its values are certainly no lists and no objects, so that ``explode`` has no effect."""
        return self.schema.constraints.types.isdisjoint({"array", "object"})


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request."""

    required: bool
    content: Content
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """A response: its headers by lower-case name, its body."""

    pointer: str
    headers: Mapping[str, Parameter]
    content: Content
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``key`` has the names of its path parameters folded away; ``name`` is METHOD and path as written."""

    key: tuple[str, str]
    name: str
    path: str
    pointer: str
    raw: Mapping[str, Any]
    parameters: Mapping[str, Parameter]
    body: Body | None
    responses: Mapping[str, Response]
    security: tuple[Mapping[str, Any], ...] | None
    servers: tuple[Mapping[str, Any], ...]
    servers_pointer: str
    security_pointer: str
    resolver: Resolver
    extra: Mapping[str, Any] = field(default_factory=dict)


def folded(path: str) -> str:
    """A path with the names of its parameters taken out."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def operations(resolver: Resolver) -> dict[tuple[str, str], Operation]:
    """The operations of a document by method and folded path. Raises `SpecError` for a document of another shape."""
    return {operation.key: operation for operation in _all(resolver, resolver.document)}


def _all(resolver: Resolver, document: Document) -> Iterator[Operation]:
    for path, stated in mapping(document.get("paths", {}), "/paths").items():
        if path.startswith("/"):
            value, pointer = resolver.follow(stated, join("/paths", path))
            item = mapping(value, pointer)
            for method in METHODS:
                if method in item:
                    place = join(pointer, method)
                    yield _operation(resolver, path, method, item, pointer, mapping(item[method], place))


def _operation(
    resolver: Resolver, path: str, method: str, item: Mapping[str, Any], pointer: str, raw: Mapping[str, Any]
) -> Operation:
    place = join(pointer, method)
    answers = mapping(raw.get("responses", {}), join(place, "responses"))
    security, security_pointer = _first((raw, place), (resolver.document, ""), key="security")
    servers, servers_pointer = _first((raw, place), (item, pointer), (resolver.document, ""), key="servers")
    return Operation(
        key=(method.upper(), folded(path)),
        name=f"{method.upper()} {path}",
        path=path,
        pointer=place,
        raw=raw,
        parameters=_parameters(resolver, path, item, pointer, raw, place),
        body=_body(resolver, raw, place),
        responses={
            status.upper() if status != "default" else status: _answer(
                resolver, value, join(place, "responses", status)
            )
            for status, value in answers.items()
            if not status.startswith("x-")
        },
        security=None if security is None else tuple(_mappings(security, security_pointer)),
        servers=tuple(_mappings(servers or [{"url": "/"}], servers_pointer)),
        servers_pointer=servers_pointer,
        security_pointer=security_pointer,
        resolver=resolver,
        extra={"callbacks": raw["callbacks"]} if "callbacks" in raw else {},
    )


def _first(*levels: tuple[Mapping[str, Any], str], key: str) -> tuple[Any, str]:
    """What the innermost level that speaks of it says, and where."""
    return next(((level[key], join(pointer, key)) for level, pointer in levels if key in level), (None, "/" + key))


def _mappings(value: Any, pointer: str) -> Iterator[dict[str, Any]]:
    for at, item in enumerate(sequence(value, pointer)):
        yield mapping(item, join(pointer, at))


def _parameters(
    resolver: Resolver, path: str, item: Mapping[str, Any], pointer: str, raw: Mapping[str, Any], place: str
) -> dict[str, Parameter]:
    """Those of the path and of the operation; the latter win."""
    positions = {name: at for at, name in enumerate(re.findall(r"\{([^}]*)\}", path), 1)}
    found = {}
    for holder, where in ((item, pointer), (raw, place)):
        for at, stated in enumerate(sequence(holder.get("parameters", []), join(where, "parameters"))):
            value, spot = resolver.follow(stated, join(where, "parameters", at))
            made = _parameter(resolver, mapping(value, spot), spot, positions)
            if made.place != "header" or made.name.lower() not in _SPOKEN_FOR:
                found[made.key] = made
    return found


def _parameter(resolver: Resolver, raw: dict[str, Any], pointer: str, positions: Mapping[str, int]) -> Parameter:
    name, place = str(raw.get("name", "")), str(raw.get("in", ""))
    same = str(positions.get(name, name)) if place == "path" else name.lower() if place == "header" else name
    style = str(raw.get("style", _STYLES.get(place, "form")))
    explode = raw.get("explode", style == "form") is True
    required = raw.get("required", False) is True
    return Parameter(
        f"{place}:{same}", name, place, required, style, explode, _schema(resolver, raw, pointer), raw, pointer
    )


def _schema(resolver: Resolver, raw: Mapping[str, Any], pointer: str) -> Schema:
    """The schema of a parameter or header; one with ``content`` says it there."""
    if "content" in raw:
        content = _content(resolver, raw, pointer)
        return next(iter(content.media.values()), resolver.schema(True, pointer))
    return resolver.schema(raw.get("schema", True), join(pointer, "schema"))


def _content(resolver: Resolver, raw: Mapping[str, Any], pointer: str) -> Content:
    place = join(pointer, "content")
    stated = {
        _media(name): (name, mapping(value, place)) for name, value in mapping(raw.get("content", {}), place).items()
    }
    media = {
        key: resolver.schema(value.get("schema", True), join(place, name, "schema"))
        for key, (name, value) in stated.items()
    }
    return Content(place, media, {key: value for key, (_, value) in stated.items()})


def _media(name: str) -> str:
    """A media type without its charset, which JSON has not, in lower case."""
    kind, *parameters = [part.strip().lower() for part in name.split(";")]
    return ";".join([kind, *sorted(part for part in parameters if part and not part.startswith("charset="))])


def _body(resolver: Resolver, raw: Mapping[str, Any], place: str) -> Body | None:
    if "requestBody" not in raw:
        return None
    value, pointer = resolver.follow(raw["requestBody"], join(place, "requestBody"))
    body = mapping(value, pointer)
    return Body(body.get("required") is True, _content(resolver, body, pointer), body)


def _answer(resolver: Resolver, stated: Any, place: str) -> Response:
    value, pointer = resolver.follow(stated, place)
    raw = mapping(value, pointer)
    headers = {}
    for name, header in mapping(raw.get("headers", {}), join(pointer, "headers")).items():
        found, spot = resolver.follow(header, join(pointer, "headers", name))
        if name.lower() != "content-type":
            made = _parameter(resolver, {**mapping(found, spot), "name": name, "in": "header"}, spot, {})
            headers[name.lower()] = made
    return Response(pointer, headers, _content(resolver, raw, pointer), raw)

"""Pairs of small documents in OpenAPI 3.0 and 3.1 that differ in one change, with their verdicts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
BREAKING, COMPATIBLE, DOCS, NONE = "breaking", "compatible", "docs", "none"


@dataclass(frozen=True, eq=False)
class Pair:
    name: str
    old: Document
    new: Document
    verdict: str


def pet(version: str = "3.0.3") -> Document:
    """A shop for pets: a list with parameters, a form with a body, an answer with a header."""
    return {
        "openapi": version,
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "https://pets.example/v1"}],
        "security": [{"token": ["read"]}],
        "paths": {
            "/pets": {
                "get": {
                    "parameters": [
                        {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["cat", "dog"]}},
                        {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
                        {"name": "count", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 10}},
                        {"name": "X-Tenant", "in": "header", "required": True, "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "description": "Pets",
                            "headers": {"X-Total": {"required": True, "schema": {"type": "integer"}}},
                            "content": {
                                "application/json": {
                                    "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
                                }
                            },
                        },
                        "404": {"description": "None"},
                    },
                },
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                    },
                    "responses": {"201": {"description": "Made"}},
                },
            },
            "/pets/{id}": {
                "get": {
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": {
                        "200": {
                            "description": "One",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                        }
                    },
                },
                "delete": {
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": {"204": {"description": "Gone"}},
                },
            },
        },
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "maxLength": 40},
                        "age": {"type": "integer", "minimum": 0},
                        "kind": {"$ref": "#/components/schemas/Kind"},
                        "id": {"type": "string", "readOnly": True},
                        "secret": {"type": "string", "writeOnly": True},
                    },
                },
                "Kind": {"type": "string", "enum": ["cat", "dog"]},
            },
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "https://pets.example/token",
                            "scopes": {"read": "", "write": ""},
                        }
                    },
                }
            },
        },
    }


class _Edited:
    """One change at a path of the shop: ``/`` separated keys, with ``~`` for the slash inside of one."""

    def __init__(self, version: str) -> None:
        self.version = version

    def put(self, path: str, value: Any) -> Document:
        document = pet(self.version)
        holder, key = self._holder(document, path)
        if isinstance(holder, list) and key == "-":
            holder.append(value)
        else:
            holder[int(key) if isinstance(holder, list) else key] = value
        return document

    def drop(self, path: str) -> Document:
        document = pet(self.version)
        holder, key = self._holder(document, path)
        del holder[int(key) if isinstance(holder, list) else key]
        return document

    def _holder(self, document: Any, path: str) -> tuple[Any, str]:
        *way, key = [token.replace("~", "/") for token in path.split("/")]
        for token in way:
            document = document[int(token) if isinstance(document, list) else token]
        return document, key


LIST, FORM, ONE = "paths/~pets/get", "paths/~pets/post", "paths/~pets~{id}/get"
PET = "components/schemas/Pet"
BODY = f"{FORM}/requestBody/content/application~json/schema"
ANSWER = f"{LIST}/responses/200/content/application~json/schema"
ANSWER_ONE = f"{ONE}/responses/200/content/application~json/schema"


def pairs() -> list[Pair]:
    cases = []
    for version in ("3.0.3", "3.1.0"):
        old = pet(version)
        for name, verdict, new in [*_changes(_Edited(version)), *_more(_Edited(version))]:
            cases.append(Pair(f"{version}: {name}", old, new, verdict))
        for name, verdict, before, after in _schemas(version):
            cases.append(Pair(f"{version}: {name}", before, after, verdict))
    cases += [
        Pair(f"3.1 only: {name}", *_both(name, "3.1.0", side, one, two), verdict)
        for name, verdict, side, one, two in MODERN
    ]
    cases += [
        Pair(f"3.0 only: {name}", *_both(name, "3.0.3", side, one, two), verdict)
        for name, verdict, side, one, two in OLDER
    ]
    cases += _dialects()
    return cases


def _changes(edit: _Edited) -> Iterator[tuple[str, str, Document]]:
    """Paths, parameters, bodies, answers."""
    put, drop = edit.put, edit.drop
    text = {"type": "string"}
    yield "path removed", BREAKING, drop("paths/~pets~{id}")
    yield "method removed", BREAKING, drop("paths/~pets~{id}/delete")
    yield "path added", COMPATIBLE, put("paths/~owners", {"get": {"responses": {"200": {"description": ""}}}})
    yield "method added", COMPATIBLE, put("paths/~pets/put", {"responses": {"200": {"description": ""}}})
    renamed = edit.put("paths/~pets~{pet}", pet()["paths"]["/pets/{id}"])
    del renamed["paths"]["/pets/{id}"]
    for method in ("get", "delete"):
        renamed["paths"]["/pets/{pet}"][method]["parameters"][0]["name"] = "pet"
    yield "path parameter renamed", DOCS, renamed
    yield "parameter removed", BREAKING, drop(f"{LIST}/parameters/0")
    yield (
        "optional parameter added",
        COMPATIBLE,
        put(f"{LIST}/parameters/-", {"name": "a", "in": "query", "schema": text}),
    )
    yield (
        "required parameter added",
        BREAKING,
        put(f"{LIST}/parameters/-", {"name": "a", "in": "query", "required": True, "schema": text}),
    )
    yield "parameter becomes required", BREAKING, put(f"{LIST}/parameters/0/required", True)
    yield "parameter becomes optional", COMPATIBLE, drop(f"{LIST}/parameters/3/required")
    yield "header parameter in another case", NONE, put(f"{LIST}/parameters/3/name", "x-tenant")
    yield "header parameter renamed", BREAKING, put(f"{LIST}/parameters/3/name", "X-Owner")
    yield "query parameter in another case", BREAKING, put(f"{LIST}/parameters/0/name", "Kind")
    yield "parameter moved", BREAKING, put(f"{LIST}/parameters/0/in", "header")
    yield "enum value of a parameter removed", BREAKING, put(f"{LIST}/parameters/0/schema/enum", ["cat"])
    yield "enum value of a parameter added", COMPATIBLE, put(f"{LIST}/parameters/0/schema/enum", ["cat", "dog", "owl"])
    yield "enum of a parameter removed", COMPATIBLE, drop(f"{LIST}/parameters/0/schema/enum")
    yield "enum for a parameter", BREAKING, put(f"{LIST}/parameters/2/schema/enum", [1, 10])
    yield "minimum of a parameter raised", BREAKING, put(f"{LIST}/parameters/2/schema/minimum", 5)
    yield "minimum of a parameter lowered", COMPATIBLE, put(f"{LIST}/parameters/2/schema/minimum", 0)
    yield "maximum for a parameter", BREAKING, put(f"{LIST}/parameters/2/schema/maximum", 100)
    yield "type of a parameter changed", BREAKING, put(f"{LIST}/parameters/2/schema", text)
    yield "type of a parameter widened", COMPATIBLE, put(f"{LIST}/parameters/2/schema/type", "number")
    yield "default of a parameter changed", BREAKING, put(f"{LIST}/parameters/2/schema/default", 20)
    yield "default for a parameter", COMPATIBLE, put(f"{LIST}/parameters/0/schema/default", "cat")
    yield "style of a list changed", BREAKING, put(f"{LIST}/parameters/1/style", "pipeDelimited")
    yield "explode of a list changed", BREAKING, put(f"{LIST}/parameters/1/explode", False)
    yield "style spelled out", NONE, put(f"{LIST}/parameters/1/style", "form")
    yield "a list limited", BREAKING, put(f"{LIST}/parameters/1/schema/maxItems", 10)
    yield "items of a list limited", BREAKING, put(f"{LIST}/parameters/1/schema/items/minimum", 1)
    yield "a list becomes a text", BREAKING, put(f"{LIST}/parameters/1/schema", text)
    yield "parameter deprecated", COMPATIBLE, put(f"{LIST}/parameters/0/deprecated", True)
    yield "operation deprecated", COMPATIBLE, put(f"{LIST}/deprecated", True)
    yield from _bodies(edit)


def _bodies(edit: _Edited) -> Iterator[tuple[str, str, Document]]:
    """Bodies, answers, headers."""
    put, drop = edit.put, edit.drop
    text = {"type": "string"}
    yield "body becomes optional", COMPATIBLE, drop(f"{FORM}/requestBody/required")
    yield "body removed", BREAKING, drop(f"{FORM}/requestBody")
    yield (
        "media type of the body changed",
        BREAKING,
        put(f"{FORM}/requestBody/content", {"application/xml": {"schema": {}}}),
    )
    yield "media type of the body added", COMPATIBLE, put(f"{FORM}/requestBody/content/application~xml", {"schema": {}})
    yield (
        "charset of the body spelled out",
        NONE,
        put(
            f"{FORM}/requestBody/content",
            {"application/json; charset=utf-8": {"schema": {"$ref": "#/components/schemas/Pet"}}},
        ),
    )
    yield "status removed", BREAKING, drop(f"{FORM}/responses/201")
    yield "status changed", BREAKING, put(f"{FORM}/responses", {"200": {"description": "Made"}})
    yield "success added", BREAKING, put(f"{FORM}/responses/202", {"description": "Later"})
    yield "error added", COMPATIBLE, put(f"{LIST}/responses/500", {"description": "Sorry"})
    yield "error removed", COMPATIBLE, drop(f"{LIST}/responses/404")
    yield (
        "media type of an answer removed",
        BREAKING,
        put(f"{LIST}/responses/200/content", {"text/csv": {"schema": text}}),
    )
    yield "media type of an answer added", COMPATIBLE, put(f"{LIST}/responses/200/content/text~csv", {"schema": text})
    yield "body of an answer removed", BREAKING, drop(f"{LIST}/responses/200/content")
    yield "required header removed", BREAKING, drop(f"{LIST}/responses/200/headers/X-Total")
    yield "header becomes optional", BREAKING, drop(f"{LIST}/responses/200/headers/X-Total/required")
    yield "header of another type", BREAKING, put(f"{LIST}/responses/200/headers/X-Total/schema", text)
    yield (
        "header in another case",
        NONE,
        put(f"{LIST}/responses/200/headers", {"x-total": {"required": True, "schema": {"type": "integer"}}}),
    )
    yield "header added", COMPATIBLE, put(f"{LIST}/responses/200/headers/X-More", {"schema": text})
    yield "description of an answer", DOCS, put(f"{LIST}/responses/200/description", "All pets")


def _more(edit: _Edited) -> Iterator[tuple[str, str, Document]]:
    """Access, servers, shared schemas, words."""
    put, drop = edit.put, edit.drop
    yield "scope added", BREAKING, put("security", [{"token": ["read", "write"]}])
    yield "scope removed", COMPATIBLE, put("security", [{"token": []}])
    yield "scope for one operation", BREAKING, put(f"{LIST}/security", [{"token": ["write"]}])
    yield "security removed", COMPATIBLE, put("security", [])
    yield (
        "token elsewhere",
        BREAKING,
        put("components/securitySchemes/token/flows/clientCredentials/tokenUrl", "https://x.example"),
    )
    yield (
        "another flow",
        BREAKING,
        put(
            "components/securitySchemes/token/flows",
            {"implicit": {"authorizationUrl": "https://x.example", "scopes": {}}},
        ),
    )
    yield "scope described", NONE, put("components/securitySchemes/token/flows/clientCredentials/scopes/read", "Read")
    yield "scheme added", BREAKING, put("components/securitySchemes/token", {"type": "http", "scheme": "basic"})
    yield "server replaced", BREAKING, put("servers", [{"url": "https://pets.example/v2"}])
    yield "server added", COMPATIBLE, put("servers/-", {"url": "https://eu.pets.example/v1"})
    yield "server described", DOCS, put("servers/0/description", "Main")
    yield "unused schema added", NONE, put("components/schemas/Owner", {"type": "object"})
    yield "shared maximum length raised", BREAKING, put(f"{PET}/properties/name/maxLength", 80)
    yield "shared maximum length lowered", BREAKING, put(f"{PET}/properties/name/maxLength", 20)
    yield "shared required removed", BREAKING, drop(f"{PET}/required")
    yield "shared enum value added", BREAKING, put("components/schemas/Kind/enum", ["cat", "dog", "owl"])
    yield "shared optional member added", COMPATIBLE, put(f"{PET}/properties/colour", {"type": "string"})
    yield "member is read only now", BREAKING, put(f"{PET}/properties/age/readOnly", True)
    yield "member is write only now", COMPATIBLE, put(f"{PET}/properties/age/writeOnly", True)
    yield "required member is write only now", BREAKING, put(f"{PET}/properties/name/writeOnly", True)
    yield "read only member limited", COMPATIBLE, put(f"{PET}/properties/id/maxLength", 8)
    yield "write only member limited", BREAKING, put(f"{PET}/properties/secret/maxLength", 8)
    yield "write only member widened", COMPATIBLE, put(f"{PET}/properties/secret", {"writeOnly": True})
    yield "read only member widened", BREAKING, put(f"{PET}/properties/id", {"readOnly": True})
    yield "required and read only", COMPATIBLE, put(f"{PET}/required", ["name", "id"])
    yield "required and write only", BREAKING, put(f"{PET}/required", ["name", "secret"])
    yield "title of a schema", DOCS, put(f"{PET}/title", "A pet")
    yield "description of a member", DOCS, put(f"{PET}/properties/age/description", "In years")
    yield "example of a member", DOCS, put(f"{PET}/properties/age/example", 3)
    yield "version of the API", DOCS, put("info/version", "2")
    yield "operationId", DOCS, put(f"{LIST}/operationId", "pets")
    yield "tags", DOCS, put(f"{LIST}/tags", ["pets"])
    yield "an extension", DOCS, put(f"{LIST}/x-cached", True)
    yield "nothing", NONE, pet(edit.version)


def _wrap(version: str, side: str, schema: Any) -> Document:
    operation: dict[str, Any] = {"responses": {"200": {"description": ""}}}
    if side == "request":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif side == "answer":
        operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}
    else:
        operation["parameters"] = [{"name": "p", "in": "query", "schema": schema}]
    shared = {"Cat": CAT, "Dog": DOG, "Schema": NODE}
    return {
        "openapi": version,
        "info": {"title": "T", "version": "1"},
        "paths": {"/x": {"post": operation}},
        "components": {"schemas": copy.deepcopy(shared)},
    }


def _both(name: str, version: str, side: str, old: Any, new: Any) -> tuple[Document, Document]:
    return _wrap(version, side, old), _wrap(version, side, new)


CAT = {"type": "object", "required": ["meow"], "properties": {"meow": {"type": "string"}}}
DOG = {"type": "object", "required": ["bark"], "properties": {"bark": {"type": "string"}}}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Schema"}, "n": {"type": "integer"}}}
C, D, N = ({"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog", "Schema"))


def _object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


T, W, F = {"type": "string"}, {"type": "integer"}, {"type": "number"}

# (name, the narrower schema, the wider one): narrower to wider breaks an answer and is fine for a request, and back.
ORDERED: list[tuple[str, Any, Any]] = [
    ("whole numbers and numbers", W, F),
    ("minimum", {**W, "minimum": 5}, {**W, "minimum": 1}),
    ("no minimum", {**W, "minimum": 5}, W),
    ("maximum", {**W, "maximum": 5}, {**W, "maximum": 50}),
    ("maximum length", {**T, "maxLength": 5}, {**T, "maxLength": 9}),
    ("minimum length", {**T, "minLength": 5}, {**T, "minLength": 1}),
    ("enum", {**T, "enum": ["a"]}, {**T, "enum": ["a", "b"]}),
    ("an enum and any text", {**T, "enum": ["a"]}, T),
    ("a format and any text", {**T, "format": "uuid"}, T),
    ("int32 and int64", {**W, "format": "int32"}, {**W, "format": "int64"}),
    ("float and double", {**F, "format": "float"}, {**F, "format": "double"}),
    ("a pattern and any text", {**T, "pattern": "^a"}, T),
    ("steps", {**W, "multipleOf": 10}, {**W, "multipleOf": 5}),
    ("a list of few", {"type": "array", "items": T, "maxItems": 3}, {"type": "array", "items": T, "maxItems": 9}),
    ("a list of some", {"type": "array", "items": T, "minItems": 3}, {"type": "array", "items": T}),
    ("unique items", {"type": "array", "items": T, "uniqueItems": True}, {"type": "array", "items": T}),
    ("items of a list", {"type": "array", "items": W}, {"type": "array", "items": F}),
    ("a required member", _object(["a"], a=T), _object(a=T)),
    ("a member deep inside", _object(a=_object(b={**W, "minimum": 1})), _object(a=_object(b=W))),
    ("a map", {"type": "object", "additionalProperties": W}, {"type": "object", "additionalProperties": F}),
    ("few members", {"type": "object", "maxProperties": 2}, {"type": "object", "maxProperties": 5}),
    ("many members", {"type": "object", "minProperties": 2}, {"type": "object", "minProperties": 1}),
    ("one of two and of one", {"oneOf": [C]}, {"oneOf": [C, D]}),
    ("any of two and of one", {"anyOf": [C]}, {"anyOf": [C, D]}),
    ("a schema and one of two", C, {"oneOf": [C, D]}),
    ("a branch limited", {"oneOf": [{**T, "maxLength": 3}, W]}, {"oneOf": [T, W]}),
    ("a recursive schema limited", {"allOf": [N, {"required": ["n"]}]}, N),
    ("numbers above and from", {**W, "minimum": 1, "maximum": 9}, {**W, "minimum": 0, "maximum": 9}),
    ("something and anything", T, {}),
]


def _surroundings(version: str) -> Iterator[tuple[str, str, Document, Document]]:
    """Callbacks, webhooks, ranges of statuses, headers that come and go, deprecations that end."""

    def shop(**changes: Any) -> Document:
        document = pet(version)
        document["paths"]["/pets"]["get"].update(changes)
        return document

    hooks = [
        pet(version),
        {**pet(version), "webhooks": {"born": {"post": {}}}},
        {**pet(version), "webhooks": {"born": {"put": {}}}},
    ]
    yield "webhook added", COMPATIBLE, hooks[0], hooks[1]
    yield "webhook changed", BREAKING, hooks[1], hooks[2]
    yield "webhook gone", BREAKING, hooks[1], hooks[0]
    calls = [shop(), shop(callbacks={"done": {}}), shop(callbacks={"gone": {}})]
    yield "callback added", COMPATIBLE, calls[0], calls[1]
    yield "callback changed", BREAKING, calls[1], calls[2]
    yield "callback gone", BREAKING, calls[1], calls[0]
    yield "no longer deprecated", COMPATIBLE, shop(deprecated=True), shop(deprecated=False)
    text, number = ({"description": "", "content": {"application/json": {"schema": one}}} for one in (T, W))
    yield "a range becomes one status", COMPATIBLE, shop(responses={"2XX": text}), shop(responses={"200": text})
    yield "a status becomes a range", BREAKING, shop(responses={"200": text}), shop(responses={"2XX": text})
    yield (
        "a range says other things",
        BREAKING,
        shop(responses={"2XX": text}),
        shop(responses={"2XX": text, "201": number}),
    )
    yield "a default instead of a status", BREAKING, shop(responses={"200": text}), shop(responses={"default": text})
    yield (
        "a default instead of an error",
        COMPATIBLE,
        shop(responses={"200": text, "404": text}),
        shop(responses={"200": text, "default": text}),
    )
    yield "an error says other things", BREAKING, shop(responses={"404": text}), shop(responses={"404": number})
    headed = [
        shop(responses={"200": {"description": "", "headers": one}})
        for one in ({}, {"X-A": {"schema": T}}, {"X-A": {"schema": T, "required": True}})
    ]
    yield "optional header gone", COMPATIBLE, headed[1], headed[0]
    yield "header becomes required", COMPATIBLE, headed[1], headed[2]
    flagged = [
        shop(parameters=[{"name": "q", "in": "query", "schema": T, **one}])
        for one in ({}, {"allowReserved": True}, {"allowEmptyValue": True}, {"deprecated": True})
    ]
    parameters: list[dict[str, Any]] = [
        {"schema": T},
        {"schema": T, "explode": False},
        {"content": {"application/json": {"schema": T}}},
    ]
    written = [shop(parameters=[{"name": "q", "in": "query", **one}]) for one in parameters]
    yield "one value joined", DOCS, written[0], written[1]
    yield "one value apart", DOCS, written[1], written[0]
    yield "a value becomes JSON", BREAKING, written[0], written[2]
    yield "a value is no longer JSON", BREAKING, written[2], written[0]
    yield "reserved characters allowed", COMPATIBLE, flagged[0], flagged[1]
    yield "reserved characters refused", BREAKING, flagged[1], flagged[0]
    yield "empty values allowed", COMPATIBLE, flagged[0], flagged[2]
    yield "empty values refused", BREAKING, flagged[2], flagged[0]
    yield "parameter no longer deprecated", COMPATIBLE, flagged[3], flagged[0]
    bodies = [
        shop(),
        shop(requestBody={"content": {"application/json": {}}}),
        shop(requestBody={"required": True, "content": {"application/json": {}}}),
    ]
    parts = [
        shop(requestBody={"content": {"multipart/form-data": {"schema": _object(a=T), **one}}})
        for one in (
            {"encoding": {"a": {"contentType": "text/csv"}}},
            {"encoding": {"a": {"contentType": "text/plain"}}},
        )
    ]
    yield "parts of a body written otherwise", BREAKING, parts[0], parts[1]
    yield "an optional body", COMPATIBLE, bodies[0], bodies[1]
    yield "a required body", BREAKING, bodies[0], bodies[2]
    yield "a body becomes required", BREAKING, bodies[1], bodies[2]


def _schemas(version: str) -> Iterator[tuple[str, str, Document, Document]]:
    yield from _surroundings(version)
    for name, narrow, wide in ORDERED:
        for side in ("request", "answer", "parameter"):
            one, two = _wrap(version, side, narrow), _wrap(version, side, wide)
            widening = BREAKING if side == "answer" else COMPATIBLE
            narrowing = COMPATIBLE if side == "answer" else BREAKING
            yield f"{name}, wider in the {side}", widening, one, two
            yield f"{name}, narrower in the {side}", narrowing, two, one
    unlike: list[tuple[str, Any, Any]] = [
        ("text and number", T, W),
        ("list and object", {"type": "array", "items": T}, _object(a=T)),
        ("date and time", {**T, "format": "date"}, {**T, "format": "date-time"}),
        ("two patterns", {**T, "pattern": "^a"}, {**T, "pattern": "^b"}),
    ]
    for name, before, after in unlike:
        for side in ("request", "answer", "parameter"):
            yield f"{name} in the {side}", BREAKING, _wrap(version, side, before), _wrap(version, side, after)
    equal: list[tuple[str, Any, Any]] = [
        ("order of branches", {"oneOf": [C, D]}, {"oneOf": [D, C]}),
        ("allOf of one", C, {"allOf": [C]}),
        ("reference in place", C, CAT),
        ("order of an enum", {**T, "enum": ["a", "b"]}, {**T, "enum": ["b", "a"]}),
        ("anyOf of one", C, {"anyOf": [C]}),
        ("a bound twice", {**W, "minimum": 1}, {"allOf": [{**W, "minimum": 1}, {"minimum": 0}]}),
        ("recursion unrolled", N, {**NODE, "properties": {"next": NODE, "n": W}}),
        ("a pattern that refuses nothing", T, {**T, "pattern": ".*"}),
    ]
    for name, before, after in equal:
        for side in ("request", "answer"):
            yield f"equal: {name} in the {side}", NONE, _wrap(version, side, before), _wrap(version, side, after)
    members = [
        ("optional member added to an answer", COMPATIBLE, "answer", _object(a=T), _object(a=T, b=T)),
        ("required member added to an answer", COMPATIBLE, "answer", _object(a=T), _object(["b"], a=T, b=T)),
        ("optional member gone from an answer", COMPATIBLE, "answer", _object(a=T, b=T), _object(a=T)),
        ("required member gone from an answer", BREAKING, "answer", _object(["b"], a=T, b=T), _object(a=T)),
        ("optional member added to a request", COMPATIBLE, "request", _object(a=T), _object(a=T, b=T)),
        ("required member added to a request", BREAKING, "request", _object(a=T), _object(["b"], a=T, b=T)),
        ("member gone from a request", BREAKING, "request", _object(a=T, b=T), _object(a=T)),
        ("member renamed in a request", BREAKING, "request", _object(a=T), _object(b=T)),
        ("request closed", BREAKING, "request", _object(a=T), {**_object(a=T), "additionalProperties": False}),
        ("request opened", COMPATIBLE, "request", {**_object(a=T), "additionalProperties": False}, _object(a=T)),
        ("answer closed", COMPATIBLE, "answer", _object(a=T), {**_object(a=T), "additionalProperties": False}),
        (
            "member added to a closed answer",
            COMPATIBLE,
            "answer",
            {**_object(a=T), "additionalProperties": False},
            {**_object(a=T, b=T), "additionalProperties": False},
        ),
        (
            "default of a member changed",
            BREAKING,
            "request",
            _object(a={**T, "default": "x"}),
            _object(a={**T, "default": "y"}),
        ),
        (
            "default of an answer changed",
            DOCS,
            "answer",
            _object(a={**T, "default": "x"}),
            _object(a={**T, "default": "y"}),
        ),
        ("half of an allOf gone from an answer", BREAKING, "answer", {"allOf": [C, D]}, {"allOf": [C]}),
        ("half of an allOf gone from a request", BREAKING, "request", {"allOf": [C, D]}, {"allOf": [C]}),
        (
            "a limit of an allOf gone from a request",
            COMPATIBLE,
            "request",
            {"allOf": [T, {"maxLength": 3}]},
            {"allOf": [T]},
        ),
        ("another half in a request", BREAKING, "request", {"allOf": [C]}, {"allOf": [C, D]}),
        ("another half in an answer", COMPATIBLE, "answer", {"allOf": [C]}, {"allOf": [C, D]}),
        (
            "discriminator added",
            COMPATIBLE,
            "answer",
            {"oneOf": [C, D]},
            {"oneOf": [C, D], "discriminator": {"propertyName": "kind"}},
        ),
        ("not added to a request", BREAKING, "request", T, {**T, "not": {"enum": ["a"]}}),
        ("not added to an answer", COMPATIBLE, "answer", T, {**T, "not": {"enum": ["a"]}}),
        ("not taken from an answer", BREAKING, "answer", {**T, "not": {"enum": ["a"]}}, T),
    ]
    for name, verdict, side, before, after in members:
        yield name, verdict, _wrap(version, side, before), _wrap(version, side, after)


MODERN: list[tuple[str, str, str, Any, Any]] = [
    ("null added to an answer", BREAKING, "answer", T, {"type": ["string", "null"]}),
    ("null taken from an answer", COMPATIBLE, "answer", {"type": ["string", "null"]}, T),
    ("null added to a request", COMPATIBLE, "request", T, {"type": ["string", "null"]}),
    ("null taken from a request", BREAKING, "request", {"type": ["string", "null"]}, T),
    ("null as a branch", NONE, "answer", {"type": ["string", "null"]}, {"anyOf": [T, {"type": "null"}]}),
    ("const changed", BREAKING, "answer", {"const": 1}, {"const": 2}),
    ("const to enum", BREAKING, "answer", {"const": 1}, {"enum": [1, 2]}),
    ("const as an enum", NONE, "answer", {"const": 1}, {"enum": [1]}),
    ("exclusive bound added", BREAKING, "request", F, {**F, "exclusiveMinimum": 0}),
    ("exclusive bound and its own", BREAKING, "answer", {**F, "exclusiveMinimum": 0}, {**F, "minimum": 0}),
    (
        "a tuple's item widened",
        BREAKING,
        "answer",
        {"type": "array", "prefixItems": [W, T]},
        {"type": "array", "prefixItems": [F, T]},
    ),
    (
        "a tuple closed",
        COMPATIBLE,
        "answer",
        {"type": "array", "prefixItems": [W]},
        {"type": "array", "prefixItems": [W], "items": False},
    ),
    (
        "a tuple's order",
        BREAKING,
        "request",
        {"type": "array", "prefixItems": [W, T]},
        {"type": "array", "prefixItems": [T, W]},
    ),
    (
        "members by pattern limited",
        BREAKING,
        "request",
        {"type": "object", "patternProperties": {"^x": {}}},
        {"type": "object", "patternProperties": {"^x": T}},
    ),
    (
        "members by pattern widened",
        BREAKING,
        "answer",
        {"type": "object", "patternProperties": {"^x": W}},
        {"type": "object", "patternProperties": {"^x": F}},
    ),
    (
        "unevaluated members refused",
        BREAKING,
        "request",
        {"allOf": [_object(a=T)]},
        {"allOf": [_object(a=T)], "unevaluatedProperties": False},
    ),
    ("nothing is allowed any more", BREAKING, "request", T, False),
    ("anything spelled out", NONE, "answer", {}, True),
    (
        "a condition added to a request",
        BREAKING,
        "request",
        _object(a=T),
        {**_object(a=T), "if": {"required": ["a"]}, "then": {"required": ["b"]}},
    ),
    (
        "a condition taken from an answer",
        BREAKING,
        "answer",
        {**_object(a=T), "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        _object(a=T),
    ),
    (
        "a condition that stays",
        NONE,
        "answer",
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"then": {"required": ["b"]}, "if": {"required": ["a"]}},
    ),
    (
        "dependentRequired added to a request",
        BREAKING,
        "request",
        _object(a=T, b=T),
        {**_object(a=T, b=T), "dependentRequired": {"a": ["b"]}},
    ),
    ("contains added to a request", BREAKING, "request", {"type": "array"}, {"type": "array", "contains": T}),
    (
        "propertyNames added to a request",
        BREAKING,
        "request",
        {"type": "object"},
        {"type": "object", "propertyNames": {"maxLength": 3}},
    ),
    ("keywords beside a reference", BREAKING, "request", C, {**C, "required": ["purr"]}),
    ("examples", DOCS, "answer", {**T, "examples": ["a"]}, {**T, "examples": ["b"]}),
]

OLDER: list[tuple[str, str, str, Any, Any]] = [
    ("nullable added to an answer", BREAKING, "answer", T, {**T, "nullable": True}),
    ("nullable taken from an answer", COMPATIBLE, "answer", {**T, "nullable": True}, T),
    ("nullable added to a request", COMPATIBLE, "request", T, {**T, "nullable": True}),
    ("nullable taken from a request", BREAKING, "request", {**T, "nullable": True}, T),
    ("nullable false spelled out", NONE, "answer", T, {**T, "nullable": False}),
    ("a nullable reference", BREAKING, "answer", C, {"allOf": [C], "nullable": True}),
    ("a nullable enum", BREAKING, "answer", {**T, "enum": ["a"]}, {**T, "enum": ["a"], "nullable": True}),
    ("an exclusive bound", BREAKING, "request", {**W, "minimum": 1}, {**W, "minimum": 1, "exclusiveMinimum": True}),
    (
        "an exclusive bound taken away",
        BREAKING,
        "answer",
        {**F, "maximum": 1, "exclusiveMaximum": True},
        {**F, "maximum": 1},
    ),
    (
        "an exclusive bound that is none",
        NONE,
        "request",
        {**W, "minimum": 1},
        {**W, "minimum": 1, "exclusiveMinimum": False},
    ),
    ("keywords beside a reference do not count", NONE, "request", C, {**C, "required": ["purr"]}),
    ("example", DOCS, "answer", {**T, "example": "a"}, {**T, "example": "b"}),
]


def _dialects() -> Iterator[Pair]:
    """The same said in both versions is the same."""
    same = [
        ("nullable", {**T, "nullable": True}, {"type": ["string", "null"]}, NONE),
        ("exclusive bound", {**F, "minimum": 1, "exclusiveMinimum": True}, {**F, "exclusiveMinimum": 1}, NONE),
        ("nullable no more", {**T, "nullable": True}, T, COMPATIBLE),
    ]
    for name, old, new, verdict in same:
        yield Pair(f"3.0 to 3.1: {name}", _wrap("3.0.3", "answer", old), _wrap("3.1.0", "answer", new), verdict)
    yield Pair("3.0 to 3.1: all of it", pet("3.0.3"), pet("3.1.0"), NONE)


PAIRS = pairs()

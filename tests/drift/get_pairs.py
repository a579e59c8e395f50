"""Changes of one GET operation, with what a careful reader calls them: breaking for its callers, or fine.

A part of the operation is given before and after: the schema of a query parameter, the schema of the response, other keys of
the parameter, or other keys of the operation. None leaves the part out.
"""

from __future__ import annotations

from typing import Any

TEXT, WHOLE, NUMBER, FLAG = ({"type": name} for name in ("string", "integer", "number", "boolean"))
CAT, DOG = (
    {"type": "object", "properties": {"kind": {"enum": [name]}, name: TEXT}, "required": ["kind", name]}
    for name in ("cat", "dog")
)


def obj(required: str = "", *, more: Any = None, **properties: Any) -> dict[str, Any]:
    closed = {} if more is None else {"additionalProperties": more}
    return {"type": "object", "properties": properties, "required": required.split(), **closed}


def rows(items: Any, **bounds: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **bounds}


def one_of(*kinds: str) -> dict[str, Any]:
    return {"enum": [*kinds]}


def named(name: str = "q", place: str = "query", **keys: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": TEXT, **keys}


def responses(*statuses: str, media: str = "application/json", header: Any = None) -> dict[str, Any]:
    headers = {} if header is None else {"headers": {"X-Total": header}}
    content = {"content": {media: {"schema": WHOLE}}}
    return {"responses": {status: {"description": "", **content, **headers} for status in statuses}}


A, I, O = "response", "query", "operation"  # noqa: E741
Row = tuple[str, str, Any, Any]

NARROWED: list[Row] = [
    ("type", I, {"type": ["string", "integer"]}, TEXT),
    ("number to integer", I, NUMBER, WHOLE),
    ("enum value", I, one_of("a", "b"), one_of("a")),
    ("enum introduced", I, TEXT, {"type": "string", "enum": ["a", "b"]}),
    ("maximum lower", I, {**WHOLE, "maximum": 10}, {**WHOLE, "maximum": 5}),
    ("maximum introduced", I, WHOLE, {**WHOLE, "maximum": 5}),
    ("minimum higher", I, {**WHOLE, "minimum": 1}, {**WHOLE, "minimum": 2}),
    ("minimum introduced", I, WHOLE, {**WHOLE, "minimum": 2}),
    ("bound exclusive", I, {**NUMBER, "minimum": 1}, {**NUMBER, "exclusiveMinimum": 1}),
    ("multiple introduced", I, WHOLE, {**WHOLE, "multipleOf": 5}),
    ("longest shorter", I, {**TEXT, "maxLength": 10}, {**TEXT, "maxLength": 5}),
    ("longest introduced", I, TEXT, {**TEXT, "maxLength": 5}),
    ("shortest longer", I, {**TEXT, "minLength": 1}, {**TEXT, "minLength": 5}),
    ("pattern introduced", I, TEXT, {**TEXT, "pattern": "^a"}),
    ("format introduced", I, TEXT, {**TEXT, "format": "uuid"}),
    ("fewer items at most", I, rows(TEXT, maxItems=9), rows(TEXT, maxItems=5)),
    ("more items at least", I, rows(TEXT), rows(TEXT, minItems=2)),
    ("unique items", I, rows(TEXT), rows(TEXT, uniqueItems=True)),
    ("items narrowed", I, rows(one_of("a", "b")), rows(one_of("a"))),
    ("null refused", I, {"type": ["integer", "null"]}, WHOLE),
    ("anyOf branch gone", I, {"anyOf": [TEXT, WHOLE]}, {"anyOf": [TEXT]}),
    ("oneOf branch gone", I, {"oneOf": [TEXT, WHOLE]}, {"oneOf": [TEXT]}),
    ("allOf branch added", I, {"allOf": [TEXT]}, {"allOf": [TEXT, {"maxLength": 5}]}),
    ("const introduced", I, TEXT, {"const": "a"}),
    ("not introduced", I, TEXT, {**TEXT, "not": {"enum": ["a"]}}),
    ("object closed", I, obj(a=TEXT), obj(a=TEXT, more=False)),
    ("member required", I, obj(a=TEXT), obj("a", a=TEXT)),
    ("required member added", I, obj(), obj("a", a=TEXT)),
]
"""Each is breaking for a parameter, and fine the other way round; for a response it is the reverse."""

BREAKING: list[Row] = [
    *((f"parameter: {name}", I, old, new) for name, _, old, new in NARROWED),
    *((f"response, the other way: {name}", A, new, old) for name, _, old, new in NARROWED if name != "object closed"),
    ("parameter: pattern changed", I, {**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}),
    ("response: pattern changed", A, {**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}),
    ("parameter: format changed", I, {**TEXT, "format": "date"}, {**TEXT, "format": "date-time"}),
    ("response: format changed", A, {**TEXT, "format": "date"}, {**TEXT, "format": "date-time"}),
    ("response: positional item", A, rows(TEXT, prefixItems=[TEXT]), rows(TEXT, prefixItems=[WHOLE])),
    (
        "response: member by pattern",
        A,
        obj(more=False) | {"patternProperties": {"^x": TEXT}},
        obj(more=False) | {"patternProperties": {"^x": WHOLE}},
    ),
    (
        "response: discriminator by another name",
        A,
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "kind"}},
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "type"}},
    ),
    ("response: encoded", A, TEXT, {**TEXT, "contentEncoding": "base64"}),
    (
        "parameter as JSON",
        O,
        {"parameters": [named()]},
        {"parameters": [{"name": "q", "in": "query", "content": {"application/json": {"schema": TEXT}}}]},
    ),
    ("response: required member gone", A, obj("a", a=TEXT), obj()),
    ("response: member renamed", A, obj("a", a=TEXT), obj("b", b=TEXT)),
    ("response: another type", A, TEXT, WHOLE),
    ("response: nested type", A, rows(obj("a", a=TEXT)), rows(obj("a", a=NUMBER))),
    ("response: list wrapped", A, rows(TEXT), obj("items", items=rows(TEXT))),
    ("response: branch of an object added", A, {"oneOf": [CAT]}, {"oneOf": [CAT, DOG]}),
    ("response: required write only", A, obj("a", a=TEXT), obj("a", a={**TEXT, "writeOnly": True})),
    ("response: typed others", A, obj(more=TEXT), obj(more=WHOLE)),
    ("parameter removed", O, {"parameters": [named()]}, {}),
    ("required parameter added", O, {}, {"parameters": [named(required=True)]}),
    ("parameter required", O, {"parameters": [named()]}, {"parameters": [named(required=True)]}),
    ("parameter renamed", O, {"parameters": [named()]}, {"parameters": [named("p")]}),
    ("parameter moved", O, {"parameters": [named()]}, {"parameters": [named(place="header")]}),
    (
        "parameter default",
        O,
        {"parameters": [named(schema={**WHOLE, "default": 1})]},
        {"parameters": [named(schema={**WHOLE, "default": 2})]},
    ),
    (
        "parameter style",
        O,
        {"parameters": [named(schema=rows(TEXT))]},
        {"parameters": [named(schema=rows(TEXT), style="pipeDelimited")]},
    ),
    (
        "parameter explode",
        O,
        {"parameters": [named(schema=rows(TEXT))]},
        {"parameters": [named(schema=rows(TEXT), explode=False)]},
    ),
    ("reserved refused", O, {"parameters": [named(allowReserved=True)]}, {"parameters": [named()]}),
    ("empty refused", O, {"parameters": [named(allowEmptyValue=True)]}, {"parameters": [named()]}),
    ("success removed", O, responses("200", "202"), responses("200")),
    ("success replaced", O, responses("200"), responses("204")),
    ("media type replaced", O, responses("200"), responses("200", media="text/csv")),
    ("header removed", O, responses("200", header={"required": True, "schema": WHOLE}), responses("200")),
    (
        "header optional",
        O,
        responses("200", header={"required": True, "schema": WHOLE}),
        responses("200", header={"schema": WHOLE}),
    ),
    ("header type", O, responses("200", header={"schema": WHOLE}), responses("200", header={"schema": TEXT})),
    ("key demanded", O, {}, {"security": [{"key": []}]}),
    ("both keys demanded", O, {"security": [{"key": []}]}, {"security": [{"key": [], "other": []}]}),
    ("alternative key gone", O, {"security": [{"key": []}, {"other": []}]}, {"security": [{"key": []}]}),
    ("scope added", O, {"security": [{"login": ["a"]}]}, {"security": [{"login": ["a", "b"]}]}),
    (
        "server replaced",
        O,
        {"servers": [{"url": "https://a.example"}]},
        {"servers": [{"url": "https://b.example"}]},
    ),
]

FINE: list[Row] = [
    *((f"parameter, the other way: {name}", I, new, old) for name, _, old, new in NARROWED),
    *((f"response: {name}", A, old, new) for name, _, old, new in NARROWED),
    ("response: values in another order", A, one_of("a", "b"), one_of("b", "a")),
    ("response: one type as a list", A, TEXT, {"type": ["string"]}),
    ("response: null first", A, {"type": ["string", "null"]}, {"anyOf": [{"type": "null"}, TEXT]}),
    ("response: whole bounds", A, {**WHOLE, "minimum": 1}, {**WHOLE, "exclusiveMinimum": 0}),
    ("parameter: const as an enum", I, one_of("a"), {"const": "a"}),
    ("response: optional member added", A, obj(a=TEXT), obj(a=TEXT, b=TEXT)),
    ("response: optional member gone", A, obj(a=TEXT, b=TEXT), obj(a=TEXT)),
    ("response: member read only", A, obj("a", a=TEXT), obj("a", a={**TEXT, "readOnly": True})),
    (
        "response: discriminator added",
        A,
        {"oneOf": [CAT, DOG]},
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "kind"}},
    ),
    ("response: branches in another order", A, {"oneOf": [CAT, DOG]}, {"oneOf": [DOG, CAT]}),
    ("response: default", A, TEXT, {**TEXT, "default": "a"}),
    ("response: deprecated member", A, obj(a=TEXT), obj(a={**TEXT, "deprecated": True})),
    ("response: titled", A, TEXT, {**TEXT, "title": "A"}),
    ("response: allOf flattened", A, {"allOf": [obj("a", a=TEXT)]}, obj("a", a=TEXT)),
    ("optional parameter added", O, {}, {"parameters": [named()]}),
    ("parameter optional", O, {"parameters": [named(required=True)]}, {"parameters": [named()]}),
    ("parameter deprecated", O, {"parameters": [named()]}, {"parameters": [named(deprecated=True)]}),
    ("parameter described", O, {"parameters": [named()]}, {"parameters": [named(description="A")]}),
    ("style stated", O, {"parameters": [named()]}, {"parameters": [named(style="form", explode=True)]}),
    ("scalar not exploded", O, {"parameters": [named()]}, {"parameters": [named(explode=False)]}),
    ("empty allowed", O, {"parameters": [named()]}, {"parameters": [named(allowEmptyValue=True)]}),
    ("error added", O, responses("200"), responses("200", "429")),
    ("error removed", O, responses("200", "429"), responses("200")),
    ("header added", O, responses("200"), responses("200", header={"schema": WHOLE})),
    ("optional header removed", O, responses("200", header={"schema": WHOLE}), responses("200")),
    ("deprecated", O, {}, {"deprecated": True}),
    ("sunset", O, {"deprecated": True}, {"deprecated": True, "x-sunset": "2027-01-01"}),
    ("key no longer demanded", O, {"security": [{"key": []}]}, {"security": []}),
    ("alternative key", O, {"security": [{"key": []}]}, {"security": [{"key": []}, {"other": []}]}),
    ("scope dropped", O, {"security": [{"login": ["a", "b"]}]}, {"security": [{"login": ["a"]}]}),
    ("tagged", O, {}, {"tags": ["a"]}),
]

MISSED = {
    "response: discriminator by another name": "a discriminator does not restrict values; reported as compatible",
    "response: encoded": "JSON Schema calls contentEncoding an annotation; reported as compatible",
}
"""Breaking changes that the judge does not call breaking, with the reason."""

FALSE_ALARMS = {
    "parameter, the other way: required member added": "a server may refuse a member that it no longer names",
}
"""Fine changes that the judge calls breaking, with the reason."""


def document(part: str, value: Any) -> dict[str, Any]:
    """A document whose one GET operation has this part."""
    operation: dict[str, Any] = {"responses": {"200": {"description": ""}}}
    if part == I:
        operation["parameters"] = [named(schema=value)]
    elif part == A:
        operation["responses"]["200"]["content"] = {"application/json": {"schema": value}}
    else:
        operation |= value
    scopes = {"authorizationUrl": "https://login.example", "scopes": {"a": "", "b": ""}}
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "other": {"type": "apiKey", "in": "query", "name": "key"},
        "login": {"type": "oauth2", "flows": {"implicit": scopes}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/a": {"get": operation}},
        "components": {"securitySchemes": schemes},
    }

"""OpenAPI 3.0 documents with their schemas rewritten in the dialect of 3.1, so that only one dialect has to be read."""

from __future__ import annotations

from typing import Any

from ...codegen.page import Document
from .constraints import ANNOTATIONS


def to_31(document: Document) -> Document:
    """The document with schemas as OpenAPI 3.1 writes them. Pointers to keywords may lead elsewhere in the result."""
    if not str(document.get("openapi", "3.1.0")).startswith("3.0"):
        return document
    converted: Document = _convert_part(document)
    return converted


def _convert_part(value: Any) -> Any:
    if isinstance(value, list):
        return [_convert_part(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _convert_entry(key, item) for key, item in value.items()}


def _convert_entry(key: str, value: Any) -> Any:
    if key in {"example", "examples"}:
        return value
    if key == "schema":
        return _convert_schema(value)
    if key == "schemas" and isinstance(value, dict):
        return {name: _convert_schema(schema) for name, schema in value.items()}
    return _convert_part(value)


def _convert_schema(value: Any) -> Any:
    if isinstance(value, list):
        return [_convert_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return {"$ref": value["$ref"]}  # OpenAPI 3.0 ignores the siblings of a reference
    schema = dict(value)
    for key in schema.keys() & {"items", "additionalProperties", "not", "allOf", "anyOf", "oneOf"}:
        schema[key] = _convert_schema(schema[key])
    if isinstance(schema.get("properties"), dict):
        schema["properties"] = {name: _convert_schema(member) for name, member in schema["properties"].items()}
    for plain, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(strict), bool) and schema.pop(strict) and plain in schema:
            schema[strict] = schema.pop(plain)
    if schema.pop("nullable", False) is True:
        _allow_null(schema)
    return schema


def _allow_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif not schema.keys().isdisjoint({"allOf", "anyOf", "oneOf"}):
        constraints = {key: schema.pop(key) for key in [*schema] if key not in ANNOTATIONS}
        schema["anyOf"] = [constraints, {"type": "null"}]

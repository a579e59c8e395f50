"""Hypothesis strategies for schemas of draft 2020-12, for variants of a schema, and for values close to a schema."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

NAMES = ["a", "b", "c"]
PATTERNS = ["^a", "b$", "^[0-9]+$"]
SCALARS: list[Any] = [None, True, False, 0, 1, 2, 3, 1.5, -1, "", "a", "b", "ab", "12", "aaaa"]
SIZES = st.integers(0, 3)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 1.5, 0.5])


@st.composite
def schemas(draw: st.DrawFn, *, near: Any = None, plain: bool = False, one_of: bool = True, depth: int = 2) -> Any:
    """A schema. ``near``: often that one with one change. ``plain``: no ``not``, no conditions, no patterns."""
    if near is not None and draw(st.booleans()):
        return draw(_nudged(near))
    if draw(st.integers(0, 15)) == 0:
        return draw(st.booleans())
    kinds = ["scalar", "enum"]
    if depth:
        kinds += ["object", "object", "array"]
        kinds += ["anyOf", "allOf", "$ref", *(["oneOf"] if one_of else [])]
        kinds += [] if plain else ["not", "if"]
    inner = schemas(plain=plain, one_of=one_of, depth=depth - 1)
    kind = draw(st.sampled_from(kinds))
    match kind:
        case "scalar":
            return draw(_scalars(plain))
        case "enum":
            return {"enum": draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=4, unique_by=repr))}
        case "object":
            return draw(_objects(inner, plain))
        case "array":
            return draw(_arrays(inner))
        case "$ref":
            return {"$ref": f"#/components/schemas/{draw(st.sampled_from(['Text', 'Tree']))}"}
        case "not":
            return {**draw(_scalars(plain)), "not": draw(inner)}
        case "if":
            return {"if": draw(inner), "then": draw(inner)}
    parts = draw(st.lists(inner, min_size=1, max_size=3))
    beside = draw(st.one_of(st.just({}), _scalars(plain)))
    return {**beside, kind: parts}


@st.composite
def _scalars(draw: st.DrawFn, plain: bool) -> dict[str, Any]:
    types = draw(st.lists(st.sampled_from(["null", "boolean", "integer", "number", "string"]), max_size=2, unique=True))
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types} if types else {}
    optional = {
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "multipleOf": st.sampled_from([1, 2, 0.5, 3]),
        "minLength": SIZES,
        "maxLength": SIZES,
        "title": st.just("t"),
    }
    if not plain:
        optional["pattern"] = st.sampled_from(PATTERNS)
    return schema | draw(st.fixed_dictionaries({}, optional=optional)) if draw(st.booleans()) else schema


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Any], plain: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"} if draw(st.integers(0, 3)) else {}
    schema["properties"] = draw(st.dictionaries(st.sampled_from(NAMES), inner, max_size=2))
    if draw(st.booleans()):
        schema["required"] = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    if draw(st.integers(0, 2)) == 0:
        schema["additionalProperties"] = draw(inner | st.booleans())
    if not plain and draw(st.integers(0, 3)) == 0:
        schema["patternProperties"] = {draw(st.sampled_from(PATTERNS)): draw(inner)}
    if not plain and draw(st.integers(0, 5)) == 0:
        schema["minProperties" if draw(st.booleans()) else "maxProperties"] = draw(SIZES)
    if not plain and draw(st.integers(0, 5)) == 0:
        schema["unevaluatedProperties"] = draw(inner | st.booleans())
    return schema


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array"}
    optional = {"items": inner, "minItems": SIZES, "maxItems": SIZES, "uniqueItems": st.booleans()}
    if draw(st.integers(0, 2)) == 0:
        schema["prefixItems"] = draw(st.lists(inner, min_size=1, max_size=2))
    return schema | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def _nudged(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one keyword removed, loosened or tightened."""
    schema = copy.deepcopy(schema)
    holder = schema
    while isinstance(holder, dict) and holder:
        key = draw(st.sampled_from(sorted(holder)))
        inside = holder[key]
        if isinstance(inside, dict) and inside and draw(st.booleans()):
            holder = inside
            continue
        if isinstance(inside, bool | dict) or key in {"$ref", "type", "if", "then"}:
            del holder[key]
        elif isinstance(inside, int | float):
            holder[key] = max(inside + draw(st.sampled_from([-1, 1])), 0 if key[:3] != "mul" else 1)
        elif isinstance(inside, list) and inside and key != "prefixItems":
            holder[key] = inside[:-1] if len(inside) > 1 and draw(st.booleans()) else [*inside, inside[0]]
        break
    return schema


@st.composite
def instances(draw: st.DrawFn, schema: Any, depth: int = 3) -> Any:
    """A value that the schema may well allow, and may well refuse."""
    anything = st.sampled_from(SCALARS) if depth <= 0 or draw(st.booleans()) else _compounds()
    if not isinstance(schema, dict) or depth <= 0 or draw(st.integers(0, 9)) == 0:
        return draw(anything)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema and draw(st.integers(0, 3)):
            return draw(instances(draw(st.sampled_from(schema[kind])), depth - 1))
    if "properties" in schema or str(schema.get("$ref", "")).endswith("Tree"):
        return draw(_object_instances(schema, depth))
    if schema.get("type") == "array":
        first = [draw(instances(item, depth - 1)) for item in schema.get("prefixItems", [])]
        return first + draw(st.lists(instances(schema.get("items", True), depth - 1), max_size=3))
    return draw(anything)


@st.composite
def _object_instances(draw: st.DrawFn, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    stated = schema.get("properties", {"n": {"type": "integer"}})
    names = {*schema.get("required", []), *draw(st.lists(st.sampled_from([*NAMES, "12", *stated]), max_size=3))}
    others = schema.get("additionalProperties", True)
    return {name: draw(instances(stated.get(name, others), depth - 1)) for name in sorted(names)}


def _compounds() -> st.SearchStrategy[Any]:
    scalars = st.sampled_from(SCALARS)
    return (
        scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "12"]), scalars, max_size=3)
    )

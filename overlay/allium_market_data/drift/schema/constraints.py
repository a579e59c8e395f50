"""What the schemas of one value say together, as plain facts: types, bounds, sizes, members, items, choices."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, TypeAlias

from ...codegen.canonical import canonical, join
from ...errors import SpecError

ALL_TYPES: Final = frozenset({"null", "boolean", "object", "array", "string", "integer", "fraction"})
"""The types of JSON, numbers in two parts: ``integer`` holds 1 and 1.0, ``fraction`` every other number."""

ANNOTATIONS: Final = frozenset(
    "title description example examples default deprecated readOnly writeOnly externalDocs xml "  # noqa: SIM905
    "$comment $schema $id $anchor $defs definitions contentEncoding contentMediaType contentSchema discriminator".split()
)
"""Keywords that allow and refuse nothing."""

_OPAQUE: Final = frozenset(
    "contains minContains maxContains propertyNames dependentRequired dependentSchemas dependencies "  # noqa: SIM905
    "unevaluatedItems if then else $dynamicRef $recursiveRef $dynamicAnchor".split()
)
_PYTHON: Final = ((bool, "boolean"), (int, "integer"), (str, "string"), (list, "array"), (type(None), "null"))
_WHOLE: Final = {"int32": 2**31, "int64": 2**63}
_TYPES: Final = {"number": {"integer", "fraction"}} | {name: {name} for name in ALL_TYPES - {"fraction"}}

Bound: TypeAlias = tuple[Fraction, bool]
"""A limit of a number, and whether the limit itself is excluded."""


@dataclass(frozen=True, slots=True)
class Subschema:
    """One schema as it stands in the document. ``covers`` are the spots that its ``unevaluatedProperties`` looks at."""

    value: Mapping[str, Any] | bool
    pointer: str
    variant: str = ""
    covers: tuple[Subschema, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other one of its document."""
        return self.pointer, self.variant


@dataclass(frozen=True, slots=True)
class Shape:
    """What one spot says about the members of an object; ``others`` None: members that it does not name are free."""

    properties: Mapping[str, Subschema]
    patterns: Mapping[str, Subschema]
    others: Subschema | None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """One ``anyOf`` or ``oneOf`` with its branches."""

    kind: str
    key: tuple[str, str, str]
    branches: tuple[Subschema, ...]


@dataclass(slots=True)
class Constraints:
    """What a node allows. None stands for: not limited."""

    types: frozenset[str] = ALL_TYPES
    enum: dict[str, Any] | None = None
    lower: Bound | None = None
    upper: Bound | None = None
    multiples: frozenset[Fraction] = frozenset()
    min_length: int = 0
    max_length: int | None = None
    patterns: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    min_items: int = 0
    max_items: int | None = None
    unique: bool = False
    min_properties: int = 0
    max_properties: int | None = None
    required: frozenset[str] = frozenset()
    shapes: list[Shape] = field(default_factory=list)
    arrays: list[tuple[tuple[Subschema, ...], Subschema | None]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    nots: list[Subschema] = field(default_factory=list)
    opaque: dict[str, str] = field(default_factory=dict)


def gather(
    spots: Iterable[Subschema], skip: frozenset[tuple[str, str, str]], expand: Callable[[Any, str], Any]
) -> Constraints:
    """The facts of schemas that all hold. ``skip`` names choices that are settled; ``expand`` puts references in place."""
    facts = Constraints()
    for spot in spots:
        if isinstance(spot.value, bool):
            facts.types = facts.types if spot.value else frozenset()
        else:
            _add(facts, spot, spot.value, skip, expand)
    _settle(facts)
    return facts


def mapping(value: Any, pointer: str) -> dict[str, Any]:
    """The value, which must be an object, or `SpecError`."""
    if not isinstance(value, dict):
        raise SpecError(pointer or "the document", "is no object where one must stand")
    return value


def sequence(value: Any, pointer: str) -> list[Any]:
    """The value, which must be a list, or `SpecError`."""
    if not isinstance(value, list):
        raise SpecError(pointer or "the document", "is no list where one must stand")
    return value


def type_of(value: Any) -> str:
    """The type of a JSON value, as in `ALL_TYPES`."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return next((name for kind, name in _PYTHON if isinstance(value, kind)), "object")


@lru_cache(1024)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of a schema, or None where Python cannot read it."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; one that cannot be read is found nowhere."""
    found = compiled(pattern)
    return found is not None and found.search(text) is not None


def number(value: Any, pointer: str) -> Fraction:
    """A number exactly as it is written, or `SpecError`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(pointer, f"{value!r:.60} is no number where one must stand")
    return Fraction(str(value))


def _add(
    facts: Constraints,
    spot: Subschema,
    value: Mapping[str, Any],
    skip: frozenset[tuple[str, str, str]],
    expand: Callable[[Any, str], Any],
) -> None:
    _add_types(facts, value, spot.pointer)
    _add_numbers(facts, value, spot.pointer)
    for key, name, tighter in _SIZES:
        if key in value:
            size = int(number(value[key], spot.pointer))
            known = getattr(facts, name)
            setattr(facts, name, size if known is None else tighter(known, size))
    if isinstance(value.get("pattern"), str) and value["pattern"] not in {"", ".*", "^.*$", "^", "$"}:
        facts.patterns |= {value["pattern"]}
    if isinstance(value.get("format"), str):
        facts.formats |= {value["format"]}
    facts.unique |= value.get("uniqueItems") is True
    facts.required |= {name for name in sequence(value.get("required", []), spot.pointer) if isinstance(name, str)}
    _add_members(facts, spot, value)
    _add_choices(facts, spot, value, skip)
    for key in value.keys() & _OPAQUE:
        facts.opaque[key] = facts.opaque.get(key, "") + canonical(expand(value[key], spot.pointer))


_SIZES: Final = (
    ("minLength", "min_length", max),
    ("maxLength", "max_length", min),
    ("minItems", "min_items", max),
    ("maxItems", "max_items", min),
    ("minProperties", "min_properties", max),
    ("maxProperties", "max_properties", min),
)


def _add_types(facts: Constraints, value: Mapping[str, Any], pointer: str) -> None:
    if "type" in value:
        stated = value["type"] if isinstance(value["type"], list) else [value["type"]]
        unknown = [name for name in stated if not isinstance(name, str) or name not in _TYPES]
        if unknown:
            raise SpecError(pointer, f"has the unknown type {unknown[0]!r:.60}")
        facts.types &= frozenset(part for name in stated for part in _TYPES[name])
    for key in ("enum", "const"):
        if key in value:
            stated = sequence(value["enum"], pointer) if key == "enum" else [value["const"]]
            values = {canonical(item): item for item in stated}
            facts.enum = values if facts.enum is None else {k: v for k, v in facts.enum.items() if k in values}


def _add_numbers(facts: Constraints, value: Mapping[str, Any], pointer: str) -> None:
    for key, strict in (("minimum", False), ("exclusiveMinimum", True)):
        if key in value:
            bound = (number(value[key], pointer), strict)
            facts.lower = bound if facts.lower is None else max(facts.lower, bound)
    for key, strict in (("maximum", False), ("exclusiveMaximum", True)):
        if key in value:
            bound = (number(value[key], pointer), strict)
            facts.upper = (
                bound if facts.upper is None else min(facts.upper, bound, key=lambda limit: (limit[0], not limit[1]))
            )
    if "multipleOf" in value:
        facts.multiples |= {number(value["multipleOf"], pointer)}


def _add_members(facts: Constraints, spot: Subschema, value: Mapping[str, Any]) -> None:
    pointer = spot.pointer
    if value.keys() & {"properties", "patternProperties", "additionalProperties"}:
        others = value.get("additionalProperties", True)
        facts.shapes.append(
            Shape(
                _spots(value, "properties", pointer),
                _spots(value, "patternProperties", pointer),
                None if others is True else Subschema(others, join(pointer, "additionalProperties")),
            )
        )
    if "unevaluatedProperties" in value:
        _add_unevaluated(facts, spot, value["unevaluatedProperties"])
    first = value.get("prefixItems", [])
    rest = value.get("items")
    if isinstance(rest, list):
        first, rest = rest, value.get("additionalItems")
    if "prefixItems" in value or "items" in value:
        prefix = tuple(
            Subschema(item, join(pointer, "prefixItems", at)) for at, item in enumerate(sequence(first, pointer))
        )
        facts.arrays.append((prefix, None if rest is None or rest is True else Subschema(rest, join(pointer, "items"))))


def _add_unevaluated(facts: Constraints, spot: Subschema, others: Any) -> None:
    """The members that no other schema of the same object speaks of; where choices do, that is beyond this project."""
    seen = [covered.value for covered in spot.covers if isinstance(covered.value, dict)]
    if any("additionalProperties" in value for value in seen) or others is True:
        return
    if any(value.keys() & {"anyOf", "oneOf", "if", "dependentSchemas", "not"} for value in seen):
        facts.opaque["unevaluatedProperties"] = canonical(others)
        return
    names = frozenset(name for value in seen for name in mapping(value.get("properties", {}), spot.pointer))
    patterns = {
        pattern: Subschema(True, spot.pointer) for value in seen for pattern in value.get("patternProperties", {})
    }
    facts.shapes.append(Shape({}, patterns, Subschema(others, join(spot.pointer, "unevaluatedProperties")), names))


def _spots(value: Mapping[str, Any], key: str, pointer: str) -> dict[str, Subschema]:
    return {
        name: Subschema(item, join(pointer, key, name)) for name, item in mapping(value.get(key, {}), pointer).items()
    }


def _add_choices(
    facts: Constraints, spot: Subschema, value: Mapping[str, Any], skip: frozenset[tuple[str, str, str]]
) -> None:
    for kind in ("anyOf", "oneOf"):
        key = (*spot.key, kind)
        if kind in value and key not in skip:
            members = sequence(value[kind], spot.pointer)
            branches = tuple(Subschema(item, join(spot.pointer, kind, at)) for at, item in enumerate(members))
            facts.groups.append(Group(kind, key, branches))
    if "not" in value:
        facts.nots.append(Subschema(value["not"], join(spot.pointer, "not")))


def _settle(facts: Constraints) -> None:
    """Draw what follows: the types of an enum's values, whole bounds for whole numbers, types that are left with nothing."""
    if any(step.denominator == 1 for step in facts.multiples):
        facts.types -= {"fraction"}
    if facts.enum is not None:
        facts.enum = {key: value for key, value in facts.enum.items() if type_of(value) in facts.types}
        facts.types = frozenset(map(type_of, facts.enum.values()))
    if "fraction" not in facts.types and "integer" in facts.types:
        _settle_whole(facts)
    facts.types -= {kind for kind, low, high in _ranges(facts) if high is not None and low > high}
    if facts.lower is not None and facts.upper is not None:
        (low, strict), (high, strict_too) = facts.lower, facts.upper
        if low > high or (low == high and (strict or strict_too)):
            facts.types -= {"integer", "fraction"}
        elif low == high and low.denominator == 1:
            facts.types -= {"fraction"}


def _ranges(facts: Constraints) -> Iterable[tuple[str, int, int | None]]:
    yield "string", facts.min_length, facts.max_length
    yield "array", facts.min_items, facts.max_items
    yield "object", max(facts.min_properties, len(facts.required)), facts.max_properties


def _settle_whole(facts: Constraints) -> None:
    """Formats of whole numbers are ranges, and their bounds are whole."""
    for name in facts.formats & _WHOLE.keys():
        low, high = (Fraction(-_WHOLE[name]), False), (Fraction(_WHOLE[name] - 1), False)
        facts.lower = low if facts.lower is None else max(facts.lower, low)
        facts.upper = (
            high if facts.upper is None else min(facts.upper, high, key=lambda limit: (limit[0], not limit[1]))
        )
    facts.formats -= _WHOLE.keys()
    if facts.lower is not None:
        value, strict = facts.lower
        facts.lower = (Fraction(value // 1 + 1 if strict else -(-value // 1)), False)
    if facts.upper is not None:
        value, strict = facts.upper
        facts.upper = (Fraction(-(-value // 1) - 1 if strict else value // 1), False)

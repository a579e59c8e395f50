"""The constraints on one value: what all its subschemas say together about types, bounds, sizes, members and items."""

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
"""The types of JSON. Numbers are split: ``integer`` holds 1 and 1.0, ``fraction`` every other number."""

ANNOTATIONS: Final = frozenset(
    "title description example examples default deprecated readOnly writeOnly externalDocs xml "  # noqa: SIM905
    "$comment $schema $id $anchor $defs definitions contentEncoding contentMediaType contentSchema discriminator".split()
)
"""Keywords that do not restrict a value."""

_UNCOMPARED: Final = frozenset(
    "contains minContains maxContains propertyNames dependentRequired dependentSchemas dependencies "  # noqa: SIM905
    "unevaluatedItems unevaluatedProperties if then else $dynamicRef $recursiveRef $dynamicAnchor".split()
)
_PYTHON_TYPES: Final = ((bool, "boolean"), (int, "integer"), (str, "string"), (list, "array"), (type(None), "null"))
_INTEGER_FORMATS: Final = {"int32": 2**31, "int64": 2**63}
_TYPES: Final = {"number": {"integer", "fraction"}} | {name: {name} for name in ALL_TYPES - {"fraction"}}
_SIZES: Final = (
    ("minLength", "min_length", max),
    ("maxLength", "max_length", min),
    ("minItems", "min_items", max),
    ("maxItems", "max_items", min),
    ("minProperties", "min_properties", max),
    ("maxProperties", "max_properties", min),
)

ChoiceKey: TypeAlias = tuple[str, str, str]
Bound: TypeAlias = tuple[Fraction, bool]


@dataclass(frozen=True, slots=True)
class Subschema:
    """One schema object of the document, without its ``$ref`` and ``allOf``."""

    value: Mapping[str, Any] | bool
    pointer: str
    variant: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the subschema within its document."""
        return self.pointer, self.variant


@dataclass(frozen=True, slots=True)
class ObjectKeywords:
    """What one subschema says about the members of an object. ``others`` is None where unnamed members are free."""

    properties: Mapping[str, Subschema]
    patterns: Mapping[str, Subschema]
    others: Subschema | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One ``anyOf`` or ``oneOf`` with its branches."""

    kind: str
    key: ChoiceKey
    branches: tuple[Subschema, ...]


@dataclass(slots=True)
class Constraints:
    """What a schema allows; None means unlimited.

    ``lower`` is (limit, exclusive) and ``upper`` is (limit, inclusive), so that the tighter bound is ``max`` of the lower
    and ``min`` of the upper ones. ``uncompared`` holds the keywords that the comparison does not interpret.
    """

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
    objects: list[ObjectKeywords] = field(default_factory=list)
    arrays: list[tuple[tuple[Subschema, ...], Subschema | None]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    nots: list[Subschema] = field(default_factory=list)
    uncompared: dict[str, str] = field(default_factory=dict)

    def tighten_lower(self, *bounds: Bound) -> None:
        """Apply further lower bounds."""
        self.lower = max(bounds if self.lower is None else (self.lower, *bounds))

    def tighten_upper(self, *bounds: Bound) -> None:
        """Apply further upper bounds."""
        self.upper = min(bounds if self.upper is None else (self.upper, *bounds))


def combine(
    subschemas: Iterable[Subschema], settled: frozenset[ChoiceKey], expand: Callable[[Any, str], Any]
) -> Constraints:
    """The constraints of subschemas that all apply.

    ``settled`` names choices to leave out; ``expand`` replaces references by what they refer to.
    """
    constraints = Constraints()
    for subschema in subschemas:
        if isinstance(subschema.value, bool):
            constraints.types = constraints.types if subschema.value else frozenset()
        else:
            _add(constraints, subschema, subschema.value, expand)
            _add_choices(constraints, subschema, subschema.value, settled)
    _derive(constraints)
    return constraints


def mapping(value: Any, pointer: str) -> dict[str, Any]:
    """The value if it is an object; raises `SpecError` otherwise."""
    if not isinstance(value, dict):
        raise SpecError(pointer or "the document", "must be an object")
    return value


def sequence(value: Any, pointer: str) -> list[Any]:
    """The value if it is a list; raises `SpecError` otherwise."""
    if not isinstance(value, list):
        raise SpecError(pointer or "the document", "must be a list")
    return value


def type_of(value: Any) -> str:
    """The type of a JSON value, as in `ALL_TYPES`."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return next((name for kind, name in _PYTHON_TYPES if isinstance(value, kind)), "object")


@lru_cache(1024)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of a schema, or None if Python cannot compile it."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _number(value: Any, pointer: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(pointer, f"{value!r:.60} must be a number")
    return Fraction(str(value))


def _add(
    constraints: Constraints, subschema: Subschema, value: Mapping[str, Any], expand: Callable[[Any, str], Any]
) -> None:
    pointer = subschema.pointer
    _add_types(constraints, value, pointer)
    _add_numbers(constraints, value, pointer)
    for key, name, tighter in _SIZES:
        if key in value:
            size, known = int(_number(value[key], pointer)), getattr(constraints, name)
            setattr(constraints, name, size if known is None else tighter(known, size))
    if isinstance(value.get("pattern"), str) and value["pattern"] not in {"", ".*", "^.*$", "^", "$"}:
        constraints.patterns |= {value["pattern"]}
    if isinstance(value.get("format"), str):
        constraints.formats |= {value["format"]}
    constraints.unique |= value.get("uniqueItems") is True
    constraints.required |= {name for name in sequence(value.get("required", []), pointer) if isinstance(name, str)}
    _add_objects(constraints, subschema, value)
    if value.keys() & {"prefixItems", "items"}:
        prefix = sequence(value.get("prefixItems", []), pointer)
        first = tuple(Subschema(item, join(pointer, "prefixItems", at)) for at, item in enumerate(prefix))
        rest = value.get("items", True)
        constraints.arrays.append((first, None if rest is True else Subschema(rest, join(pointer, "items"))))
    for key in value.keys() & _UNCOMPARED:
        constraints.uncompared[key] = constraints.uncompared.get(key, "") + canonical(expand(value[key], pointer))


def _add_types(constraints: Constraints, value: Mapping[str, Any], pointer: str) -> None:
    if "type" in value:
        names = value["type"] if isinstance(value["type"], list) else [value["type"]]
        unknown = [name for name in names if not isinstance(name, str) or name not in _TYPES]
        if unknown:
            raise SpecError(pointer, f"has the unknown type {unknown[0]!r:.60}")
        constraints.types &= frozenset(part for name in names for part in _TYPES[name])
    for key in value.keys() & {"enum", "const"}:
        values = sequence(value["enum"], pointer) if key == "enum" else [value["const"]]
        allowed = {canonical(item): item for item in values}
        known = allowed if constraints.enum is None else constraints.enum
        constraints.enum = {text: item for text, item in known.items() if text in allowed}


def _add_numbers(constraints: Constraints, value: Mapping[str, Any], pointer: str) -> None:
    for key, is_exclusive in (("minimum", False), ("exclusiveMinimum", True)):
        if key in value:
            constraints.tighten_lower((_number(value[key], pointer), is_exclusive))
    for key, is_exclusive in (("maximum", False), ("exclusiveMaximum", True)):
        if key in value:
            constraints.tighten_upper((_number(value[key], pointer), not is_exclusive))
    if "multipleOf" in value:
        constraints.multiples |= {_number(value["multipleOf"], pointer)}


def _add_objects(constraints: Constraints, subschema: Subschema, value: Mapping[str, Any]) -> None:
    pointer = subschema.pointer
    if value.keys() & {"properties", "patternProperties", "additionalProperties"}:
        others = value.get("additionalProperties", True)
        constraints.objects.append(
            ObjectKeywords(
                _subschemas(value, "properties", pointer),
                _subschemas(value, "patternProperties", pointer),
                None if others is True else Subschema(others, join(pointer, "additionalProperties")),
            )
        )


def _subschemas(value: Mapping[str, Any], key: str, pointer: str) -> dict[str, Subschema]:
    members = mapping(value.get(key, {}), pointer)
    return {name: Subschema(item, join(pointer, key, name)) for name, item in members.items()}


def _add_choices(
    constraints: Constraints, subschema: Subschema, value: Mapping[str, Any], settled: frozenset[ChoiceKey]
) -> None:
    for kind in ("anyOf", "oneOf"):
        key = (*subschema.key, kind)
        if kind in value and key not in settled:
            branches = enumerate(sequence(value[kind], subschema.pointer))
            made = tuple(Subschema(item, join(subschema.pointer, kind, at)) for at, item in branches)
            constraints.choices.append(Choice(kind, key, made))
    if "not" in value:
        constraints.nots.append(Subschema(value["not"], join(subschema.pointer, "not")))


def _derive(constraints: Constraints) -> None:
    """Derive the types of enum values, integer bounds of integers, and which types cannot have a value."""
    if any(step.denominator == 1 for step in constraints.multiples):
        constraints.types -= {"fraction"}
    if constraints.enum is not None:
        constraints.enum = {text: item for text, item in constraints.enum.items() if type_of(item) in constraints.types}
        constraints.types = frozenset(map(type_of, constraints.enum.values()))
    if "fraction" not in constraints.types and "integer" in constraints.types:
        _derive_integer_bounds(constraints)
    constraints.types -= {kind for kind, least, most in _size_ranges(constraints) if most is not None and least > most}
    if constraints.lower is not None and constraints.upper is not None:
        (low, low_excluded), (high, high_included) = constraints.lower, constraints.upper
        if low > high or (low == high and (low_excluded or not high_included)):
            constraints.types -= {"integer", "fraction"}
        elif low == high and low.denominator == 1:
            constraints.types -= {"fraction"}


def _size_ranges(constraints: Constraints) -> Iterable[tuple[str, int, int | None]]:
    yield "string", constraints.min_length, constraints.max_length
    yield "array", constraints.min_items, constraints.max_items
    yield "object", max(constraints.min_properties, len(constraints.required)), constraints.max_properties


def _derive_integer_bounds(constraints: Constraints) -> None:
    for name in constraints.formats & _INTEGER_FORMATS.keys():
        constraints.tighten_lower((Fraction(-_INTEGER_FORMATS[name]), False))
        constraints.tighten_upper((Fraction(_INTEGER_FORMATS[name] - 1), True))
    constraints.formats -= _INTEGER_FORMATS.keys()
    if constraints.lower is not None:
        limit, is_excluded = constraints.lower
        constraints.lower = (Fraction(limit // 1 + 1 if is_excluded else -(-limit // 1)), False)
    if constraints.upper is not None:
        limit, is_included = constraints.upper
        constraints.upper = (Fraction(limit // 1 if is_included else -(-limit // 1) - 1), True)

"""A JSON Schema of an OpenAPI document as plain facts: references followed, ``allOf`` merged, both dialects made one.

A `Node` is everything that is said about one value, wherever it is said: the schema itself, what it refers to, and the
members of its ``allOf``. Its `Facts` are what all of these say together. ``anyOf`` and ``oneOf`` stay choices, and what
this project cannot reason about stays as it is written, in ``Facts.opaque``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from ..upstream.canonical import canonical, join, resolve
from ..upstream.errors import SpecError
from ..upstream.page import Document

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
class Spot:
    """One schema as it stands in the document. ``covers`` are the spots that its ``unevaluatedProperties`` looks at."""

    value: Mapping[str, Any] | bool
    pointer: str
    variant: str = ""
    covers: tuple[Spot, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other one of its document."""
        return self.pointer, self.variant


@dataclass(frozen=True, slots=True)
class Shape:
    """What one spot says about the members of an object; ``others`` None: members that it does not name are free."""

    properties: Mapping[str, Spot]
    patterns: Mapping[str, Spot]
    others: Spot | None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """One ``anyOf`` or ``oneOf`` with its branches."""

    kind: str
    key: tuple[str, str, str]
    branches: tuple[Spot, ...]


@dataclass(slots=True)
class Facts:
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
    arrays: list[tuple[tuple[Spot, ...], Spot | None]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    nots: list[Spot] = field(default_factory=list)
    opaque: dict[str, str] = field(default_factory=dict)


class Reader:
    """Follows the references of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.dialect_30 = str(document.get("openapi", "3.1.0")).startswith("3.0")

    def follow(self, value: Any, pointer: str) -> tuple[Any, str]:
        """What stands behind the references of an object that is no schema, and where."""
        seen = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if pointer in seen:
                raise SpecError(pointer, "a reference that leads back to itself")
            seen.add(pointer)
            value, pointer = self._target(value["$ref"], pointer)
        return value, pointer

    def node(self, value: Any, pointer: str) -> Node:
        """The node of a schema."""
        return Node(self, tuple(self.spread(Spot(value, pointer))))

    def _target(self, reference: str, pointer: str) -> tuple[Any, str]:
        target = unquote(reference.removeprefix("#"))
        if not reference.startswith("#") or (target and not target.startswith("/")):
            raise SpecError(pointer, f"refers to {reference}, which cannot be followed")
        try:
            return resolve(self.document, target), target
        except (LookupError, ValueError):
            raise SpecError(pointer, f"refers to {reference}, which is not there") from None

    def spread(self, spot: Spot, seen: frozenset[tuple[str, str]] = frozenset()) -> Iterator[Spot]:
        """A schema, what it refers to, and the members of its ``allOf``."""
        if spot.key in seen:
            raise SpecError(spot.pointer, "a schema that refers back to itself, with nothing in between")
        if isinstance(spot.value, bool):
            yield spot
            return
        value = mapping(spot.value, spot.pointer)
        if self.dialect_30:
            value = _from_30(value)
        seen |= {spot.key}
        rest = {key: item for key, item in value.items() if key not in {"$ref", "allOf"}}
        inner: list[Spot] = []
        if isinstance(value.get("$ref"), str):
            target, place = self._target(value["$ref"], spot.pointer)
            inner += self.spread(Spot(target, place), seen)
        for at, member in enumerate(sequence(value.get("allOf", []), spot.pointer)):
            inner += self.spread(Spot(member, join(spot.pointer, "allOf", at)), seen)
        own = Spot(rest, spot.pointer, spot.variant)
        yield Spot(rest, spot.pointer, spot.variant, (own, *inner)) if "unevaluatedProperties" in rest else own
        yield from inner

    def expanded(self, value: Any, pointer: str, seen: frozenset[str] = frozenset()) -> Any:
        """Plain data with references put in place and annotations left out; a recursion is a mark."""
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                target, place = self._target(value["$ref"], pointer)
                rest = {} if self.dialect_30 else {key: item for key, item in value.items() if key != "$ref"}
                inner = f"again {place}" if place in seen else self.expanded(target, place, seen | {place})
                return [self.expanded(rest, pointer, seen), inner] if rest else inner
            return {
                key: self._expanded_keyword(key, item, join(pointer, key), seen)
                for key, item in value.items()
                if key not in ANNOTATIONS
            }
        if isinstance(value, list):
            return [self.expanded(item, join(pointer, at), seen) for at, item in enumerate(value)]
        return value

    def _expanded_keyword(self, key: str, value: Any, pointer: str, seen: frozenset[str]) -> Any:
        if key in {"enum", "const"}:
            return value
        if key in {"properties", "patternProperties", "dependentSchemas"} and isinstance(value, dict):
            return {name: self.expanded(item, join(pointer, name), seen) for name, item in value.items()}
        return self.expanded(value, pointer, seen)


class Node:
    """Everything that is said about one value; no spots: anything goes. ``skip`` names choices that are settled."""

    def __init__(
        self, reader: Reader, spots: tuple[Spot, ...], skip: frozenset[tuple[str, str, str]] = frozenset()
    ) -> None:
        self.reader = reader
        self.spots = spots
        self.skip = skip
        self._inner: dict[Any, Node] = {}

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for nodes of one document that say the same because they are the same."""
        return frozenset(spot.key for spot in self.spots), self.skip

    @property
    def pointer(self) -> str:
        """Where the first of its schemas that says anything stands; "" where none does."""
        saying = [spot for spot in self.spots if spot.value != {}] or self.spots
        return saying[0].pointer if saying else ""

    @cached_property
    def facts(self) -> Facts:
        """What all of its schemas say together."""
        facts = Facts()
        for spot in self.spots:
            if isinstance(spot.value, bool):
                facts.types = facts.types if spot.value else frozenset()
            else:
                _add(facts, spot, spot.value, self)
        _settle(facts)
        return facts

    def note(self, key: str, default: Any = None) -> Any:
        """An annotation: that of the first schema that has it."""
        return next(
            (spot.value[key] for spot in self.spots if isinstance(spot.value, dict) and key in spot.value), default
        )

    def marked(self, key: str) -> bool:
        """Whether any of its schemas sets a flag such as ``readOnly``."""
        return any(isinstance(spot.value, dict) and spot.value.get(key) is True for spot in self.spots)

    @property
    def names(self) -> list[str]:
        """The members that its schemas name."""
        return list(dict.fromkeys(name for shape in self.facts.shapes for name in shape.properties))

    def member(self, name: str) -> Node:
        """What is said about a member of an object."""
        return self._of(("member", name), lambda: self._member(name))

    def _member(self, name: str) -> Iterator[Spot]:
        for shape in self.facts.shapes:
            mine = [shape.properties[name]] if name in shape.properties else []
            mine += [spot for pattern, spot in shape.patterns.items() if matches(pattern, name)]
            if not mine and shape.others is not None and name not in shape.known:
                mine.append(shape.others)
            yield from mine

    def others(self) -> Node:
        """What is said about a member that no schema names, by name or by pattern."""
        return self._of("others", lambda: (shape.others for shape in self.facts.shapes if shape.others is not None))

    def matching(self, pattern: str) -> Node:
        """What is said about a member whose name matches a pattern and is not named."""
        spots = [shape.patterns.get(pattern, shape.others) for shape in self.facts.shapes]
        return self._of(("matching", pattern), lambda: (spot for spot in spots if spot is not None))

    def item(self, at: int) -> Node:
        """What is said about the item of an array at an index."""
        stated = [first[at] if at < len(first) else rest for first, rest in self.facts.arrays]
        return self._of(("item", min(at, self.prefix)), lambda: (spot for spot in stated if spot is not None))

    def alone(self, spot: Spot) -> Node:
        """The node of one schema out of a choice or a ``not`` of this one."""
        return self._of(spot.key, lambda: (spot,))

    @property
    def prefix(self) -> int:
        """How many items have schemas of their own."""
        return max((len(first) for first, _ in self.facts.arrays), default=0)

    def choose(self, group: Group, branch: int) -> Node:
        """The node with one choice made."""
        made = tuple(self.reader.spread(group.branches[branch]))
        return Node(self.reader, self.spots + made, self.skip | {group.key})

    def limited(self, types: frozenset[str]) -> Node:
        """The node for values of these types alone."""
        wanted = [name for name in sorted(types) if name != "fraction"] + (["number"] if "fraction" in types else [])
        spot = Spot({"type": wanted}, self.pointer, "types " + " ".join(wanted))
        return Node(self.reader, (*self.spots, spot), self.skip)

    def _of(self, key: Any, spots: Callable[[], Iterable[Spot]]) -> Node:
        """An inner node, made once: its facts are worked out when they are first asked for."""
        if key not in self._inner:
            self._inner[key] = Node(self.reader, tuple(one for spot in spots() for one in self.reader.spread(spot)))
        return self._inner[key]


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


def _from_30(value: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI 3.0 as 3.1 would write it."""
    made = dict(value)
    if isinstance(made.get("$ref"), str):
        return {"$ref": made["$ref"]}  # what stands beside a reference does not count in 3.0
    for plain, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(strict), bool) and made.pop(strict) and plain in made:
            made[strict] = made.pop(plain)
    if made.pop("nullable", False) is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if isinstance(made.get("enum"), list) and None not in made["enum"]:
                made["enum"] = [*made["enum"], None]
        elif not made.keys().isdisjoint({"allOf", "anyOf", "oneOf"}):
            kept = {key: made.pop(key) for key in [*made] if key not in ANNOTATIONS}
            made["anyOf"] = [kept, {"type": "null"}]
    return made


def _add(facts: Facts, spot: Spot, value: Mapping[str, Any], node: Node) -> None:
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
    _add_choices(facts, spot, value, node)
    for key in value.keys() & _OPAQUE:
        facts.opaque[key] = facts.opaque.get(key, "") + canonical(node.reader.expanded(value[key], spot.pointer))


_SIZES: Final = (
    ("minLength", "min_length", max),
    ("maxLength", "max_length", min),
    ("minItems", "min_items", max),
    ("maxItems", "max_items", min),
    ("minProperties", "min_properties", max),
    ("maxProperties", "max_properties", min),
)


def _add_types(facts: Facts, value: Mapping[str, Any], pointer: str) -> None:
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


def _add_numbers(facts: Facts, value: Mapping[str, Any], pointer: str) -> None:
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


def _add_members(facts: Facts, spot: Spot, value: Mapping[str, Any]) -> None:
    pointer = spot.pointer
    if value.keys() & {"properties", "patternProperties", "additionalProperties"}:
        others = value.get("additionalProperties", True)
        facts.shapes.append(
            Shape(
                _spots(value, "properties", pointer),
                _spots(value, "patternProperties", pointer),
                None if others is True else Spot(others, join(pointer, "additionalProperties")),
            )
        )
    if "unevaluatedProperties" in value:
        _add_unevaluated(facts, spot, value["unevaluatedProperties"])
    first = value.get("prefixItems", [])
    rest = value.get("items")
    if isinstance(rest, list):
        first, rest = rest, value.get("additionalItems")
    if "prefixItems" in value or "items" in value:
        prefix = tuple(Spot(item, join(pointer, "prefixItems", at)) for at, item in enumerate(sequence(first, pointer)))
        facts.arrays.append((prefix, None if rest is None or rest is True else Spot(rest, join(pointer, "items"))))


def _add_unevaluated(facts: Facts, spot: Spot, others: Any) -> None:
    """The members that no other schema of the same object speaks of; where choices do, that is beyond this project."""
    seen = [covered.value for covered in spot.covers if isinstance(covered.value, dict)]
    if any("additionalProperties" in value for value in seen) or others is True:
        return
    if any(value.keys() & {"anyOf", "oneOf", "if", "dependentSchemas", "not"} for value in seen):
        facts.opaque["unevaluatedProperties"] = canonical(others)
        return
    names = frozenset(name for value in seen for name in mapping(value.get("properties", {}), spot.pointer))
    patterns = {pattern: Spot(True, spot.pointer) for value in seen for pattern in value.get("patternProperties", {})}
    facts.shapes.append(Shape({}, patterns, Spot(others, join(spot.pointer, "unevaluatedProperties")), names))


def _spots(value: Mapping[str, Any], key: str, pointer: str) -> dict[str, Spot]:
    return {name: Spot(item, join(pointer, key, name)) for name, item in mapping(value.get(key, {}), pointer).items()}


def _add_choices(facts: Facts, spot: Spot, value: Mapping[str, Any], node: Node) -> None:
    for kind in ("anyOf", "oneOf"):
        key = (*spot.key, kind)
        if kind in value and key not in node.skip:
            members = sequence(value[kind], spot.pointer)
            branches = tuple(Spot(item, join(spot.pointer, kind, at)) for at, item in enumerate(members))
            facts.groups.append(Group(kind, key, branches))
    if "not" in value:
        facts.nots.append(Spot(value["not"], join(spot.pointer, "not")))


def _settle(facts: Facts) -> None:
    """Draw what follows: the types of an enum's values, whole bounds for whole numbers, ranges for their formats."""
    if facts.enum is not None:
        facts.enum = {key: value for key, value in facts.enum.items() if type_of(value) in facts.types}
        facts.types = frozenset(map(type_of, facts.enum.values()))
    if "fraction" in facts.types or "integer" not in facts.types:
        return
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

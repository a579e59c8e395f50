"""A JSON Schema of an OpenAPI document as one node a value: references followed, ``allOf`` merged, both dialects made one.

A `Schema` is everything that is said about one value, wherever it is said: the schema itself, what it refers to, and the
members of its ``allOf``. Its `Constraints` are what all of these say together. ``anyOf`` and ``oneOf`` stay choices, and what
this project cannot reason about stays as it is written, in ``Constraints.opaque``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

from ...codegen.canonical import join, resolve
from ...codegen.page import Document
from ...errors import SpecError
from .constraints import ANNOTATIONS, Constraints, Group, Subschema, gather, mapping, matches, sequence

_LARGEST: Final = 500


class _TooLargeError(Exception):
    pass


class Resolver:
    """Follows the references of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.said: dict[tuple[str, str, str], tuple[str, tuple[str, ...]]] = {}
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

    def schema(self, value: Any, pointer: str) -> Schema:
        """The node of a schema."""
        return Schema(self, tuple(self.spread(Subschema(value, pointer))))

    def _target(self, reference: str, pointer: str) -> tuple[Any, str]:
        target = unquote(reference.removeprefix("#"))
        if not reference.startswith("#") or (target and not target.startswith("/")):
            raise SpecError(pointer, f"refers to {reference}, which cannot be followed")
        try:
            return resolve(self.document, target), target
        except (LookupError, ValueError):
            raise SpecError(pointer, f"refers to {reference}, which is not there") from None

    def spread(self, spot: Subschema, seen: frozenset[tuple[str, str]] = frozenset()) -> Iterator[Subschema]:
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
        inner: list[Subschema] = []
        if isinstance(value.get("$ref"), str):
            target, place = self._target(value["$ref"], spot.pointer)
            inner += self.spread(Subschema(target, place), seen)
        for at, member in enumerate(sequence(value.get("allOf", []), spot.pointer)):
            inner += self.spread(Subschema(member, join(spot.pointer, "allOf", at)), seen)
        own = Subschema(rest, spot.pointer, spot.variant)
        yield Subschema(rest, spot.pointer, spot.variant, (own, *inner)) if "unevaluatedProperties" in rest else own
        yield from inner

    def plainly(self, value: Any, pointer: str) -> Any:
        """Plain data that is the same for schemas that say the same in the same words, wherever they keep their parts.

        References are put in place and annotations left out. Where that grows too large, what is referred to stands
        beside the schema instead, under its pointer.
        """
        try:
            return self._inline(value, pointer, frozenset(), [_LARGEST])
        except _TooLargeError:
            return self._beside(value, pointer)

    def _inline(self, value: Any, pointer: str, above: frozenset[str], left: list[int]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise _TooLargeError
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            target, place = self._target(value["$ref"], pointer)
            rest = {} if self.dialect_30 else {key: item for key, item in value.items() if key != "$ref"}
            inner = f"again {place}" if place in above else self._inline(target, place, above | {place}, left)
            return [self._inline(rest, pointer, above, left), inner] if rest else inner
        return _mapped(value, lambda key, item: self._inline(item, join(pointer, key), above, left))

    def _beside(self, value: Any, pointer: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        todo = [("", value)]
        while todo:
            place, raw = todo.pop()
            if place not in found:
                found[place] = raw
                todo += [(at, target) for target, at in self._referred(raw, pointer)]
        return found

    def _referred(self, value: Any, pointer: str) -> Iterator[tuple[Any, str]]:
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            yield self._target(value["$ref"], pointer)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from self._referred(item, pointer)


class Schema:
    """Everything that is said about one value; no spots: anything goes. ``skip`` names choices that are settled."""

    def __init__(
        self, resolver: Resolver, spots: tuple[Subschema, ...], skip: frozenset[tuple[str, str, str]] = frozenset()
    ) -> None:
        self.resolver = resolver
        self.subschemas = spots
        self.skip = skip
        self._inner: dict[Any, Schema] = {}

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for nodes of one document that say the same because they are the same."""
        return frozenset(spot.key for spot in self.subschemas), self.skip

    @property
    def pointer(self) -> str:
        """Where the first of its schemas that says anything stands; "" where none does."""
        saying = [spot for spot in self.subschemas if spot.value != {}] or self.subschemas
        return saying[0].pointer if saying else ""

    @cached_property
    def constraints(self) -> Constraints:
        """What all of its schemas say together."""
        return gather(self.subschemas, self.skip, self.resolver.plainly)

    def note(self, key: str, default: Any = None) -> Any:
        """An annotation: that of the first schema that has it."""
        return next(
            (spot.value[key] for spot in self.subschemas if isinstance(spot.value, dict) and key in spot.value), default
        )

    def marked(self, key: str) -> bool:
        """Whether any of its schemas sets a flag such as ``readOnly``."""
        return any(isinstance(spot.value, dict) and spot.value.get(key) is True for spot in self.subschemas)

    @property
    def names(self) -> list[str]:
        """The members that its schemas name."""
        return list(dict.fromkeys(name for shape in self.constraints.shapes for name in shape.properties))

    def member(self, name: str) -> Schema:
        """What is said about a member of an object."""
        return self._of(("member", name), lambda: self._member(name))

    def _member(self, name: str) -> Iterator[Subschema]:
        for shape in self.constraints.shapes:
            mine = [shape.properties[name]] if name in shape.properties else []
            mine += [spot for pattern, spot in shape.patterns.items() if matches(pattern, name)]
            if not mine and shape.others is not None and name not in shape.known:
                mine.append(shape.others)
            yield from mine

    def others(self) -> Schema:
        """What is said about a member that no schema names, by name or by pattern."""
        return self._of(
            "others", lambda: (shape.others for shape in self.constraints.shapes if shape.others is not None)
        )

    def matching(self, pattern: str) -> Schema:
        """What is said about a member whose name matches a pattern and is not named."""
        spots = [shape.patterns.get(pattern, shape.others) for shape in self.constraints.shapes]
        return self._of(("matching", pattern), lambda: (spot for spot in spots if spot is not None))

    def item(self, at: int) -> Schema:
        """What is said about the item of an array at an index."""
        stated = [first[at] if at < len(first) else rest for first, rest in self.constraints.arrays]
        return self._of(("item", min(at, self.prefix)), lambda: (spot for spot in stated if spot is not None))

    def alone(self, spot: Subschema) -> Schema:
        """The node of one schema out of a choice or a ``not`` of this one."""
        return self._of(spot.key, lambda: (spot,))

    @property
    def prefix(self) -> int:
        """How many items have schemas of their own."""
        return max((len(first) for first, _ in self.constraints.arrays), default=0)

    def choose(self, group: Group, branch: int) -> Schema:
        """The node with one choice made."""
        made = tuple(self.resolver.spread(group.branches[branch]))
        return Schema(self.resolver, self.subschemas + made, self.skip | {group.key})

    def limited(self, types: frozenset[str]) -> Schema:
        """The node for values of these types alone."""
        wanted = [name for name in sorted(types) if name != "fraction"] + (["number"] if "fraction" in types else [])
        spot = Subschema({"type": wanted}, self.pointer, "types " + " ".join(wanted))
        return Schema(self.resolver, (*self.subschemas, spot), self.skip)

    def _of(self, key: Any, spots: Callable[[], Iterable[Subschema]]) -> Schema:
        """An inner node, made once: its facts are worked out when they are first asked for."""
        if key not in self._inner:
            self._inner[key] = Schema(
                self.resolver, tuple(one for spot in spots() for one in self.resolver.spread(spot))
            )
        return self._inner[key]


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


def _mapped(value: Any, change: Callable[[str | int, Any], Any], *, names: bool = False) -> Any:
    """A schema with its inner values changed and its annotations left out; ``names``: its keys are no keywords."""
    if isinstance(value, list):
        return [change(at, item) for at, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, item in value.items():
        if names:
            made[key] = change(key, item)
        elif key in {"enum", "const"}:
            made[key] = item
        elif key in {"properties", "patternProperties", "dependentSchemas"}:
            made[key] = _mapped(item, change, names=True)
        elif key not in ANNOTATIONS:
            made[key] = change(key, item)
    return made

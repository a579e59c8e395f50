"""The schemas of an OpenAPI document: references followed and ``allOf`` merged.

A `Schema` is everything that applies to one value: the schema itself, what it refers to, and the members of its ``allOf``.
Its `Constraints` are what all of these say together. ``anyOf`` and ``oneOf`` stay choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar, cast
from urllib.parse import unquote

from ...codegen.canonical import canonical, digest, join, resolve
from ...codegen.page import Document
from ...errors import SpecError
from .constraints import Choice, ChoiceKey, Constraints, Subschema, combine, compiled, mapping, sequence
from .dialect import to_31
from .expansion import without_annotations

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]
"""The tokens from a schema to a schema inside it, such as ``("properties", "items", "items")``."""

_MOST_EXPANDED: Final = 500


class _TooLargeError(Exception):
    pass


class Resolver:
    """Reads the schemas of one document and follows its references.

    ``document`` is in the dialect of OpenAPI 3.1; ``published`` is the document as given, to which pointers refer.
    """

    def __init__(self, document: Document) -> None:
        self.published = document
        self.document = to_31(document)
        self.choice_texts: dict[ChoiceKey, tuple[str, tuple[str, ...]]] = {}
        self.validators: dict[Any, Any] = {}
        self.comparisons: dict[Any, Any] = {}
        self.empty: dict[Any, bool] = {}
        self.derived: dict[Any, dict[Any, Any]] = {}
        """What `Schema.derive` keeps, by the subschemas that it follows from."""
        self._expanded: dict[Any, tuple[Any, Any]] = {}
        self.is_same: Callable[[Schema, Schema], bool] | None = None
        """Tells quickly that a schema and one of the other document are certainly the same."""
        self.skipped: Callable[[Schema], bool] | None = None
        """Names schemas that need no look for changed annotations."""

    def follow(self, value: Any, pointer: str) -> tuple[Any, str]:
        """What the references of an object other than a schema lead to, and its pointer."""
        seen = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if pointer in seen:
                raise SpecError(pointer, "the reference leads back to itself")
            seen.add(pointer)
            value, pointer = self._target(value["$ref"], pointer)
        return value, pointer

    def schema(self, value: Any, pointer: str) -> Schema:
        """A schema of the document."""
        return Schema(self, (Subschema(value, pointer),))

    def _target(self, reference: str, pointer: str) -> tuple[Any, str]:
        target = unquote(reference.removeprefix("#"))
        if not reference.startswith("#") or (target and not target.startswith("/")):
            raise SpecError(pointer, f"refers to {reference}, which is outside of this document")
        try:
            return resolve(self.document, target), target
        except (LookupError, ValueError):
            raise SpecError(pointer, f"refers to {reference}, which does not exist") from None

    def spread(self, subschema: Subschema, seen: frozenset[tuple[str, str]] = frozenset()) -> Iterator[Subschema]:
        """A subschema, what it refers to, and the members of its ``allOf``."""
        if subschema.key in seen:
            raise SpecError(subschema.pointer, "the schema refers back to itself with nothing in between")
        if isinstance(subschema.value, bool):
            yield subschema
            return
        value, pointer = mapping(subschema.value, subschema.pointer), subschema.pointer
        seen |= {subschema.key}
        inner: list[Subschema] = []
        if isinstance(value.get("$ref"), str):
            inner += self.spread(Subschema(*self._target(value["$ref"], pointer)), seen)
        for at, member in enumerate(sequence(value.get("allOf", []), pointer)):
            inner += self.spread(Subschema(member, join(pointer, "allOf", at)), seen)
        rest = {key: item for key, item in value.items() if key not in {"$ref", "allOf"}}
        for key in rest.keys() & {"unevaluatedProperties", "unevaluatedItems"}:
            rest[key] = value  # what they refuse depends on the whole schema, so that all of it has to be compared
        if rest or not inner:  # so that every reference to a component leads to equal subschemas
            yield Subschema(rest, pointer, subschema.variant)
        yield from inner

    def expanded(self, value: Any, pointer: str) -> Any:
        """A schema as plain data without annotations, and with references replaced by what they refer to.

        Two schemas that expand to the same data allow the same values. A schema that would grow too large is represented
        by its pointer and the digest of its whole document.
        """
        key = (id(value), pointer)  # the values are kept alive, so that an id stays that of its value
        if key not in self._expanded:
            try:
                self._expanded[key] = value, self._expand(value, pointer, frozenset(), [_MOST_EXPANDED])
            except _TooLargeError:
                self._expanded[key] = value, [pointer, self._digest]
        return self._expanded[key][1]

    @cached_property
    def _digest(self) -> str:
        return digest(self.document)

    def _expand(self, value: Any, pointer: str, above: frozenset[str], left: list[int]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise _TooLargeError
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            target, place = self._target(value["$ref"], pointer)
            rest = {key: item for key, item in value.items() if key != "$ref"}
            inner = f"again {place}" if place in above else self._expand(target, place, above | {place}, left)
            return [self._expand(rest, pointer, above, left), inner] if rest else inner
        return without_annotations(value, lambda key, item: self._expand(item, join(pointer, key), above, left))


class Schema:
    """Everything that applies to one value; without subschemas, any value is allowed.

    ``given`` are the schemas as the document states them; ``settled`` names choices for which a branch has been chosen.
    """

    def __init__(
        self, resolver: Resolver, given: tuple[Subschema, ...], settled: frozenset[ChoiceKey] = frozenset()
    ) -> None:
        self.resolver = resolver
        self.given = given
        self.settled = settled
        self.subschemas = tuple(inner for one in given for inner in resolver.spread(one))
        keys = tuple(subschema.key for subschema in self.subschemas)
        self.key = frozenset(keys), settled
        """Equal for schemas of one document that consist of the same subschemas."""
        self._derived = resolver.derived.setdefault((keys, settled), {})

    @property
    def pointer(self) -> str:
        """The pointer of its first subschema that is not empty; "" if there is none."""
        filled = [subschema for subschema in self.subschemas if subschema.value != {}] or self.subschemas
        return filled[0].pointer if filled else ""

    def derive(self, key: Any, make: Callable[[], T]) -> T:
        """What follows from its subschemas alone: made once for all schemas of the document that consist of the same."""
        if key not in self._derived:
            self._derived[key] = make()
        return cast(T, self._derived[key])

    @cached_property
    def constraints(self) -> Constraints:
        """What all of its subschemas say together."""
        return self.derive("constraints", lambda: combine(self.subschemas, self.settled, self.resolver.expanded))

    def annotation(self, key: str) -> Any:
        """An annotation of the first subschema that has it, or None."""
        objects = (subschema.value for subschema in self.subschemas if isinstance(subschema.value, dict))
        return next((value[key] for value in objects if key in value), None)

    def is_marked(self, key: str) -> bool:
        """Whether any of its subschemas sets a flag such as ``readOnly``."""
        return any(isinstance(one.value, dict) and one.value.get(key) is True for one in self.subschemas)

    def is_hidden(self, side: str) -> bool:
        """Whether such a member is left out of requests (readOnly) or of responses (writeOnly)."""
        return self.is_marked({"request": "readOnly", "response": "writeOnly"}.get(side, ""))

    @cached_property
    def names(self) -> list[str]:
        """The members that its subschemas name."""
        return list(dict.fromkeys(name for keywords in self.constraints.objects for name in keywords.properties))

    @property
    def patterns(self) -> set[str]:
        """The patterns of names in its ``patternProperties``."""
        return {pattern for keywords in self.constraints.objects for pattern in keywords.patterns}

    def member(self, name: str) -> Schema:
        """What applies to a member of an object."""
        return self._of(("member", name), lambda: self._member(name))

    def _member(self, name: str) -> Iterator[Subschema]:
        for keywords in self.constraints.objects:
            own = [keywords.properties[name]] if name in keywords.properties else []
            own += [inner for pattern, inner in keywords.patterns.items() if _matches(pattern, name)]
            if not own and keywords.others is not None:
                own.append(keywords.others)
            yield from own

    def others(self) -> Schema:
        """What applies to a member that no subschema names, by name or by pattern."""
        unnamed = (keywords.others for keywords in self.constraints.objects)
        return self._of("others", lambda: (inner for inner in unnamed if inner is not None))

    def matching(self, pattern: str) -> Schema:
        """What applies to an unnamed member whose name matches a pattern."""
        stated = [keywords.patterns.get(pattern, keywords.others) for keywords in self.constraints.objects]
        return self._of(("matching", pattern), lambda: (inner for inner in stated if inner is not None))

    def limits_others(self) -> bool:
        """Whether it says anything about members that it does not name."""
        return bool(self.others().subschemas or self.patterns)

    @property
    def prefix(self) -> int:
        """How many items have schemas of their own."""
        return max((len(first) for first, _ in self.constraints.arrays), default=0)

    def item(self, at: int) -> Schema:
        """What applies to the item of an array at an index."""
        stated = [first[at] if at < len(first) else rest for first, rest in self.constraints.arrays]
        return self._of(("item", min(at, self.prefix)), lambda: (inner for inner in stated if inner is not None))

    def alone(self, subschema: Subschema) -> Schema:
        """One branch of a choice, or a ``not``, without the rest of this schema."""
        return self._of(subschema.key, lambda: (subschema,))

    def choose(self, choice: Choice, branch: int) -> Schema:
        """The schema with one branch of a choice chosen."""
        return Schema(self.resolver, (*self.given, choice.branches[branch]), self.settled | {choice.key})

    def without(self, choices: Iterable[ChoiceKey]) -> Schema:
        """The schema without some of its choices."""
        return Schema(self.resolver, self.given, self.settled | frozenset(choices))

    def limited(self, types: frozenset[str]) -> Schema:
        """The schema restricted to values of these types."""
        names = [name for name in sorted(types) if name != "fraction"] + (["number"] if "fraction" in types else [])
        extra = Subschema({"type": names}, self.pointer, "types " + " ".join(names))
        return Schema(self.resolver, (*self.given, extra), self.settled)

    def expanded(self) -> list[Any]:
        """Its subschemas as plain data."""
        return [self.resolver.expanded(subschema.value, subschema.pointer) for subschema in self.subschemas]

    def _of(self, key: Any, subschemas: Callable[[], Iterable[Subschema]]) -> Schema:
        return self.derive(("inner", key), lambda: Schema(self.resolver, tuple(subschemas())))

    def children(self) -> list[tuple[Path, Schema]]:
        """The schemas directly inside it, with their paths."""
        return self.derive("children", lambda: [*self._children()])

    def _children(self) -> Iterator[tuple[Path, Schema]]:
        yield from ((("properties", name), self.member(name)) for name in self.names)
        yield from ((("prefixItems", at), self.item(at)) for at in range(self.prefix))
        yield ("items",), self.item(self.prefix)
        yield ("additionalProperties",), self.others()
        for choice in self.constraints.choices:
            for at, branch in enumerate(map(self.alone, choice.branches)):
                yield (choice.kind, _branch_name(branch, at)), branch


def _branch_name(branch: Schema, at: int) -> str:
    """Identifies a branch wherever it is in its list: its reference, its title, or its contents."""
    pointer = branch.subschemas[-1].pointer if branch.subschemas else ""
    if pointer.startswith("/components/schemas/"):
        return pointer.split("/")[3]
    return str(branch.annotation("title") or canonical(branch.expanded())[:200] or at)


def _matches(pattern: str, name: str) -> bool:
    regex = compiled(pattern)
    return regex is not None and regex.search(name) is not None

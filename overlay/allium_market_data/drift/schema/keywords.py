"""The part of the subset check that compares keywords: of numbers, texts, arrays and objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, TypeAlias

from .constraints import ALL_TYPES, Bound, Constraints
from .emptiness import is_empty
from .problem import Problem, beneath, made_unsure, problem
from .schema import Schema
from .validation import accepts

Compare: TypeAlias = Callable[[Schema, Schema], list[Problem]]

_MOST_VALUES: Final = 1000
_NARROWER_FORMATS: Final = {("float", "double")}


def type_names(types: frozenset[str]) -> list[str] | None:
    """Types as a schema states them; None if any type is allowed."""
    if types == ALL_TYPES:
        return None
    number = ["number"] if "fraction" in types else ["integer"] if "integer" in types else []
    return sorted([*number, *(types - {"integer", "fraction"})])


def finite_values(constraints: Constraints) -> list[Any] | None:
    """All values that the constraints allow, or None if there are too many."""
    if constraints.enum is not None:
        return [*constraints.enum.values()]
    if not constraints.types <= {"null", "boolean", "integer"}:
        return None
    values: list[Any] = [None] if "null" in constraints.types else []
    values += [False, True] if "boolean" in constraints.types else []
    if "integer" in constraints.types:
        lower, upper = constraints.lower, constraints.upper
        if lower is None or upper is None or upper[0] - lower[0] > _MOST_VALUES:
            return None
        values += range(int(lower[0]), int(upper[0]) + 1)
    return values


def number_problems(small: Schema, large: Schema) -> Iterator[Problem]:
    """Why numbers of one schema are not numbers of another."""
    a, b = small.constraints, large.constraints
    problems = []
    if b.lower is not None and (a.lower is None or a.lower < b.lower):
        values = _limit(a.lower, is_exclusive=True), _limit(b.lower, is_exclusive=True)
        problems.append(problem("minimum", small, large, values))
    if b.upper is not None and (a.upper is None or a.upper > b.upper):
        values = _limit(a.upper, is_exclusive=False), _limit(b.upper, is_exclusive=False)
        problems.append(problem("maximum", small, large, values))
    is_integer = "fraction" not in a.types
    steps = {*a.multiples, *({Fraction(1)} if is_integer else ())} - {0}
    for step in sorted(b.multiples):
        if not any((own / step).denominator == 1 for own in steps):
            stated = [_plain_number(own) for own in sorted(a.multiples)]
            own = stated[0] if len(stated) == 1 else stated or None
            problems.append(problem("multipleOf", small, large, (own, _plain_number(step))))
    integers = finite_values(replace(a, enum=None, types=a.types & {"integer"})) if problems and is_integer else None
    if integers is None or not all(accepts(large, value) for value in integers):
        yield from problems
        if not is_integer:
            yield from _format_problems(small, large, {"float", "double"})


def _plain_number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _limit(bound: Bound | None, *, is_exclusive: bool) -> Any:
    """A bound as data; ``is_exclusive`` is how the bound marks that the limit itself is excluded."""
    if bound is None:
        return None
    return {"exclusive": _plain_number(bound[0])} if bound[1] is is_exclusive else _plain_number(bound[0])


def _format_problems(small: Schema, large: Schema, only: set[str]) -> Iterator[Problem]:
    a, b = small.constraints.formats, large.constraints.formats
    missing = {name for name in b - a if not any((own, name) in _NARROWER_FORMATS for own in a)} & (only or b)
    if missing:
        yield problem("format", small, large, (min(a, default=None), min(missing)))


def text_problems(small: Schema, large: Schema) -> Iterator[Problem]:
    """Why texts of one schema are not texts of another."""
    a, b = small.constraints, large.constraints
    if a.min_length < b.min_length:
        yield problem("minLength", small, large, (a.min_length or None, b.min_length))
    if _exceeds(a.max_length, b.max_length):
        yield problem("maxLength", small, large, (a.max_length, b.max_length))
    for pattern in sorted(b.patterns - a.patterns):
        unsure = "two patterns cannot be compared" if a.patterns or a.formats else ""
        yield problem("pattern", small, large, (min(a.patterns, default=None), pattern), unsure)
    yield from _format_problems(small, large, set())


def _exceeds(size: int | None, limit: int | None) -> bool:
    return limit is not None and (size is None or size > limit)


def array_problems(compare: Compare, small: Schema, large: Schema) -> Iterator[Problem]:
    """Why arrays of one schema are not arrays of another."""
    a, b = small.constraints, large.constraints
    most = a.max_items
    if is_empty(small.item(small.prefix)) and _exceeds(most, small.prefix):
        most = small.prefix  # no items after the prefix
    if a.min_items < b.min_items:
        yield problem("minItems", small, large, (a.min_items or None, b.min_items))
    if _exceeds(most, b.max_items):
        yield problem("maxItems", small, large, (a.max_items, b.max_items))
    if b.unique and not a.unique and (most is None or most > 1):
        yield problem("uniqueItems", small, large, (None, True))
    prefix = max(small.prefix, large.prefix)
    for at in range(prefix if most is None else min(prefix, most)):
        yield from beneath(("prefixItems", at), compare(small.item(at), large.item(at)))
    if most is None or most > prefix:
        yield from beneath(("items",), compare(small.item(prefix), large.item(prefix)))


def object_problems(compare: Compare, small: Schema, large: Schema, side: str, *, closing: bool) -> Iterator[Problem]:
    """Why objects of one schema are not objects of another; ``side`` and ``closing`` are those of `subset.problems`."""
    required = sorted(small.constraints.required | large.constraints.required)
    for name in dict.fromkeys([*small.names, *large.names, *required]):
        yield from beneath(("properties", name), _member_problems(compare, small, large, name, side))
    yield from _unnamed_problems(compare, small, large, closing=closing or side != "response")
    yield from _count_problems(small, large)


def _member_problems(compare: Compare, small: Schema, large: Schema, name: str, side: str) -> Iterator[Problem]:
    own, other = small.member(name), large.member(name)
    is_required = name in large.constraints.required
    if other.is_hidden(side):
        if side == "request" and name in small.names and not own.is_hidden(side):
            yield problem("readOnly", own, other, (None, True))
        return
    if own.is_hidden(side):
        if is_required:
            yield problem("required", small, large, (None, True))
        return
    if is_required and name not in small.constraints.required:
        is_known = name in small.names or small.settled
        yield problem("required", small, large, (False if is_known else None, True))
    is_sent = name in small.names or name in small.constraints.required
    is_named = name in large.names
    if side and is_named and not is_sent and not small.limits_others():
        return  # unnamed members are not sent
    if side == "response" and is_sent and not is_named and (not large.limits_others() or is_empty(large.others())):
        return  # a tolerant reader ignores it
    if side == "request" and is_sent and not is_named and is_empty(other) and not is_empty(own):
        yield problem("properties", own, other, (True, None))
    else:
        yield from compare(own, other)


def unknown_members(small: Schema, large: Schema) -> Iterator[Problem]:
    """Members of a request that its reader does not name."""
    if large.limits_others() or "object" not in small.constraints.types & large.constraints.types:
        return
    known = _all_members(large)
    for name, member in _all_members(small).items():
        if name not in known and not member.is_hidden("request") and not is_empty(member):
            unsure = "an unknown member may be refused or ignored"
            yield from beneath(("properties", name), [problem("properties", member, large, (True, None), unsure)])


def _all_members(schema: Schema, depth: int = 4) -> dict[str, Schema]:
    """Every member that a schema names, in its choices too."""
    members = {name: schema.member(name) for name in schema.names}
    for choice in schema.constraints.choices if depth else ():
        for branch in choice.branches:
            members = {**_all_members(schema.alone(branch), depth - 1), **members}
    return members


def _unnamed_problems(compare: Compare, small: Schema, large: Schema, *, closing: bool) -> Iterator[Problem]:
    """Members that no schema names: those that match a pattern, and all others."""
    for pattern in sorted(small.patterns | large.patterns):
        inner = beneath(("patternProperties", pattern), compare(small.matching(pattern), large.matching(pattern)))
        overlaps = small.patterns and pattern not in small.patterns
        yield from made_unsure(inner, "a name may match several patterns") if overlaps else inner
    own, other = small.others(), large.others()
    if not is_empty(other) or is_empty(own):
        yield from beneath(("additionalProperties",), compare(own, other))
    elif closing:
        yield problem("additionalProperties", small, large, (None, False))


def _count_problems(small: Schema, large: Schema) -> Iterator[Problem]:
    a, b = small.constraints, large.constraints
    least = max(a.min_properties, len(a.required))
    if least < b.min_properties:
        yield problem("minProperties", small, large, (least or None, b.min_properties))
    most = a.max_properties
    if is_empty(small.others()) and not small.patterns and _exceeds(most, len(small.names)):
        most = len(small.names)
    if _exceeds(most, b.max_properties):
        yield problem("maxProperties", small, large, (most, b.max_properties))

"""Schemas that allow nothing, and pairs that allow nothing in common. Both are proven where they are said to be so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .constraints import Constraints
from .schema import Schema
from .validation import accepts

_DEPTH: Final = 4


def empty(node: Schema, depth: int = _DEPTH) -> bool:
    """Whether a schema certainly allows no value."""
    facts = node.constraints
    if not facts.types or facts.enum == {} or any(not group.branches for group in facts.groups):
        return True
    if any(spot.value is True or spot.value == {} for spot in facts.nots):
        return True
    if facts.enum is not None:
        return all(accepts(node, value) is False for value in facts.enum.values())
    return all(_NONE.get(kind, _never)(node, facts, depth) for kind in facts.types)


def _never(node: Schema, facts: Constraints, depth: int) -> bool:
    return False


def _no_number(node: Schema, facts: Constraints, depth: int) -> bool:
    if facts.lower is None or facts.upper is None:
        return False
    strict = facts.lower[1] or facts.upper[1]
    return facts.lower[0] > facts.upper[0] or (strict and facts.lower[0] == facts.upper[0])


def _no_text(node: Schema, facts: Constraints, depth: int) -> bool:
    return facts.max_length is not None and facts.min_length > facts.max_length


def _no_array(node: Schema, facts: Constraints, depth: int) -> bool:
    if facts.max_items is not None and facts.min_items > facts.max_items:
        return True
    return depth > 0 and any(empty(node.item(at), depth - 1) for at in range(min(facts.min_items, node.prefix + 1)))


def _no_object(node: Schema, facts: Constraints, depth: int) -> bool:
    if facts.max_properties is not None and max(facts.min_properties, len(facts.required)) > facts.max_properties:
        return True
    return depth > 0 and any(empty(node.member(name), depth - 1) for name in facts.required)


_NONE: Final[dict[str, Callable[[Schema, Constraints, int], bool]]] = {
    "integer": _no_number,
    "fraction": _no_number,
    "string": _no_text,
    "array": _no_array,
    "object": _no_object,
}


def disjoint(one: Schema, other: Schema, depth: int = _DEPTH) -> bool:
    """Whether two schemas certainly have no value in common."""
    a, b = one.constraints, other.constraints
    both = a.types & b.types
    if not both or empty(one) or empty(other):
        return True
    for mine, theirs in ((a, other), (b, one)):
        if mine.enum is not None:
            return all(accepts(theirs, value) is False for value in mine.enum.values())
    if both <= {"integer", "fraction"}:
        return _apart(a, b) or _apart(b, a)
    if both == {"object"} and depth > 0:
        return any(disjoint(one.member(name), other.member(name), depth - 1) for name in a.required | b.required)
    return False


def _apart(a: Constraints, b: Constraints) -> bool:
    if a.upper is None or b.lower is None:
        return False
    return a.upper[0] < b.lower[0] or (a.upper[0] == b.lower[0] and (a.upper[1] or b.lower[1]))

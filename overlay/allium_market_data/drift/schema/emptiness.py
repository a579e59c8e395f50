"""Schemas that certainly allow no value, and pairs of schemas that certainly have no value in common."""

from __future__ import annotations

from typing import Final

from .constraints import Constraints
from .schema import Schema
from .validation import accepts

_DEPTH: Final = 4


def is_empty(schema: Schema, depth: int = _DEPTH) -> bool:
    """Whether a schema certainly allows no value."""
    known, key = schema.resolver.empty, (schema.key, depth)
    if key not in known:
        known[key] = _is_empty(schema, depth)
    return known[key]


def _is_empty(schema: Schema, depth: int) -> bool:
    constraints = schema.constraints
    if not constraints.types or any(not choice.branches for choice in constraints.choices):
        return True
    if any(inner.value is True or inner.value == {} for inner in constraints.nots):
        return True
    if constraints.enum is not None:
        return all(accepts(schema, value) is False for value in constraints.enum.values())
    return all(_is_type_empty(schema, kind, depth) for kind in constraints.types)


def _is_type_empty(schema: Schema, kind: str, depth: int) -> bool:
    """Whether a part that an array or object must have is empty. Empty ranges have been derived with the types."""
    constraints = schema.constraints
    if depth and kind == "array":
        needed = range(min(constraints.min_items, schema.prefix + 1))
        return any(is_empty(schema.item(at), depth - 1) for at in needed)
    if depth and kind == "object":
        return any(is_empty(schema.member(name), depth - 1) for name in constraints.required)
    return False


def are_disjoint(one: Schema, other: Schema, depth: int = _DEPTH) -> bool:
    """Whether two schemas certainly have no value in common."""
    a, b = one.constraints, other.constraints
    shared = a.types & b.types
    if not shared or is_empty(one) or is_empty(other):
        return True
    for own, opposite in ((a, other), (b, one)):
        if own.enum is not None:
            return all(accepts(opposite, value) is False for value in own.enum.values())
    if shared <= {"integer", "fraction"}:
        return _is_below(a, b) or _is_below(b, a)
    if shared == {"object"} and depth:
        return any(are_disjoint(one.member(name), other.member(name), depth - 1) for name in a.required | b.required)
    return False


def _is_below(a: Constraints, b: Constraints) -> bool:
    """Whether every number of ``a`` is below every number of ``b``."""
    if a.upper is None or b.lower is None:
        return False
    (high, is_included), (low, is_excluded) = a.upper, b.lower
    return high < low or (high == low and (not is_included or is_excluded))

"""The part of the subset check that looks into arrays and objects."""

from __future__ import annotations

from dataclasses import replace

from .emptiness import empty
from .problem import Check, Problem, beneath, stated
from .schema import Schema
from .validation import is_hidden

GONE = "it is not there any more"
"""Why a required member stands against a subset: the small side does not have it at all."""


def array_problems(check: Check, small: Schema, large: Schema) -> list[Problem]:
    """What stands against the arrays of one node being arrays of another."""
    a, b = small.constraints, large.constraints
    found = []
    most = a.max_items
    if empty(small.item(small.prefix)) and (most is None or most > small.prefix):
        most = small.prefix  # a closed tuple
    if a.min_items < b.min_items:
        found.append(stated("minItems", small, large, a.min_items or None, b.min_items, "fewer items are not allowed"))
    if b.max_items is not None and (most is None or most > b.max_items):
        found.append(stated("maxItems", small, large, a.max_items, b.max_items, "more items are not allowed"))
    if b.unique and not a.unique and (most is None or most > 1):
        found.append(stated("uniqueItems", small, large, None, True, "equal items are not allowed"))
    first = max(small.prefix, large.prefix)
    for at in range(first if most is None else min(first, most)):
        found += beneath(("prefixItems", at), check.run(small.item(at), large.item(at)))
    if most is None or most > first:
        found += beneath(("items",), check.run(small.item(first), large.item(first)))
    return found


def object_problems(check: Check, small: Schema, large: Schema) -> list[Problem]:
    """What stands against the objects of one node being objects of another."""
    found = []
    for name in dict.fromkeys(
        [*small.names, *large.names, *sorted(small.constraints.required | large.constraints.required)]
    ):
        found += beneath(("properties", name), _member(check, small, large, name))
    return found + _unnamed(check, small, large) + _counts(small, large)


def _member(check: Check, small: Schema, large: Schema, name: str) -> list[Problem]:
    mine, theirs = small.member(name), large.member(name)
    side, tolerant = check.mode.side, check.mode.tolerant
    needed = name in large.constraints.required
    if is_hidden(theirs, side):
        sent = side == "request" and name in small.names and not is_hidden(mine, side)
        return [stated("readOnly", mine, theirs, None, True, "it may no longer be sent")] if sent else []
    if is_hidden(mine, side):
        return [stated("required", small, large, False, True, GONE)] if needed else []
    found = []
    if needed and name not in small.constraints.required:
        why = "it may be missing" if name in small.names or small.skip else GONE
        found.append(stated("required", small, large, False, True, why))
    known, wanted = name in small.names or name in small.constraints.required, name in large.names
    if side and wanted and not known and not _limits_others(small):
        return found  # what is not named is not sent
    if tolerant and known and not wanted and (not _limits_others(large) or empty(large.others())):
        return found  # a resolver that does not know it ignores it
    if side == "request" and known and not wanted and empty(theirs) and not empty(mine):
        return [*found, stated("properties", mine, theirs, True, None, "it is refused")]
    return found + check.run(mine, theirs)


def unknown_members(small: Schema, large: Schema) -> list[Problem]:
    """Members of a request that its resolver names nowhere: what becomes of them nobody knows."""
    if _limits_others(large) or "object" not in small.constraints.types & large.constraints.types:
        return []
    why = "it is not known, and may be refused or ignored"
    told = _all_names(large)
    return [
        problem
        for name, node in _all_names(small).items()
        if name not in told and not is_hidden(node, "request") and not empty(node)
        for problem in beneath(("properties", name), [stated("properties", node, large, True, None, why, cannot=True)])
    ]


def _all_names(node: Schema, depth: int = 4) -> dict[str, Schema]:
    """Every member that a node names, in its choices as well."""
    found = {name: node.member(name) for name in node.names}
    for group in node.constraints.groups if depth else ():
        for spot in group.branches:
            found = {**_all_names(node.alone(spot), depth - 1), **found}
    return found


def _limits_others(node: Schema) -> bool:
    return bool(node.others().subschemas) or any(shape.patterns for shape in node.constraints.shapes)


def _unnamed(check: Check, small: Schema, large: Schema) -> list[Problem]:
    """Members that no schema names: those that match a pattern, and all others."""
    found = []
    mine = {pattern for shape in small.constraints.shapes for pattern in shape.patterns}
    theirs = {pattern for shape in large.constraints.shapes for pattern in shape.patterns}
    for pattern in sorted(mine | theirs):
        one, other = (node.matching(pattern) for node in (small, large))
        inner = beneath(("patternProperties", pattern), check.run(one, other))
        if mine - {pattern} and pattern not in mine:
            inner = [_unsure(problem) for problem in inner]
        found += inner
    one, other = small.others(), large.others()
    if empty(other) and not empty(one):
        if check.mode.closing or not check.mode.tolerant:
            why = "members that are not named are refused"
            found.append(stated("additionalProperties", small, large, None, False, why))
        return found
    return found + beneath(("additionalProperties",), check.run(one, other))


def _unsure(problem: Problem) -> Problem:
    return replace(problem, cannot=True)


def _counts(small: Schema, large: Schema) -> list[Problem]:
    a, b = small.constraints, large.constraints
    found = []
    least = max(a.min_properties, len(a.required))
    if least < b.min_properties:
        found.append(
            stated("minProperties", small, large, least or None, b.min_properties, "fewer members are not allowed")
        )
    most = a.max_properties
    if empty(small.others()) and not any(shape.patterns for shape in a.shapes):
        most = len(small.names) if most is None else min(most, len(small.names))
    if b.max_properties is not None and (most is None or most > b.max_properties):
        found.append(stated("maxProperties", small, large, most, b.max_properties, "more members are not allowed"))
    return found

"""The part of the subset check that looks into arrays and objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .empty import empty
from .instance import hidden
from .problem import Check, Problem, beneath
from .schema import Node


def array_problems(check: Check, small: Node, large: Node) -> list[Problem]:
    """What stands against the arrays of one node being arrays of another."""
    a, b = small.facts, large.facts
    found = []
    most = a.max_items
    if empty(small.item(small.prefix)) and (most is None or most > small.prefix):
        most = small.prefix  # a closed tuple
    if a.min_items < b.min_items:
        found.append(_problem("minItems", small, large, a.min_items or None, b.min_items, "fewer items are not allowed"))
    if b.max_items is not None and (most is None or most > b.max_items):
        found.append(_problem("maxItems", small, large, a.max_items, b.max_items, "more items are not allowed"))
    if b.unique and not a.unique and (most is None or most > 1):
        found.append(_problem("uniqueItems", small, large, None, True, "equal items are not allowed"))
    first = max(small.prefix, large.prefix)
    for at in range(first if most is None else min(first, most)):
        found += beneath(("prefixItems", at), check.run(small.item(at), large.item(at)))
    if most is None or most > first:
        found += beneath(("items",), check.run(small.item(first), large.item(first)))
    return found


def object_problems(check: Check, small: Node, large: Node) -> list[Problem]:
    """What stands against the objects of one node being objects of another."""
    found = []
    for name in dict.fromkeys([*small.names, *large.names, *sorted(small.facts.required | large.facts.required)]):
        found += beneath(("properties", name), _member(check, small, large, name))
    return found + _unnamed(check, small, large) + _counts(small, large)


def _member(check: Check, small: Node, large: Node, name: str) -> list[Problem]:
    mine, theirs = small.member(name), large.member(name)
    side, tolerant = check.mode.side, check.mode.tolerant
    needed = name in large.facts.required
    if hidden(theirs, side):
        sent = side == "request" and name in small.names and not hidden(mine, side)
        return [_problem("readOnly", mine, theirs, None, True, "it may no longer be sent")] if sent else []
    if hidden(mine, side):
        return [_problem("required", mine, theirs, False, True, "it is never there")] if needed else []
    found = []
    if needed and name not in small.facts.required:
        found.append(_problem("required", mine, theirs, False, True, "it may be missing"))
    known, wanted = name in small.names, name in large.names
    if tolerant and wanted and not known and not _limits_others(small):
        return found  # what is no longer named is no longer sent
    if tolerant and known and not wanted and (not _limits_others(large) or empty(large.others())):
        return found  # a reader that does not know it ignores it
    if known and not wanted and side == "request":
        return found + _unknown(mine, theirs)
    return found + check.run(mine, theirs)


def _unknown(mine: Node, theirs: Node) -> list[Problem]:
    """A member that the other side of a request does not name: refused for certain, or nobody knows what becomes of it."""
    if empty(mine):
        return []
    refused = empty(theirs)
    why = "it is refused" if refused else "it is not known, and may be refused or ignored"
    return [_problem("properties", mine, theirs, True, None, why, cannot=not refused)]


def _limits_others(node: Node) -> bool:
    return bool(node.others().spots) or any(shape.patterns for shape in node.facts.shapes)


def _unnamed(check: Check, small: Node, large: Node) -> list[Problem]:
    """Members that no schema names: those that match a pattern, and all others."""
    found = []
    mine = {pattern for shape in small.facts.shapes for pattern in shape.patterns}
    theirs = {pattern for shape in large.facts.shapes for pattern in shape.patterns}
    for pattern in sorted(mine | theirs):
        one, other = (node.matching(pattern) for node in (small, large))
        inner = beneath(("patternProperties", pattern), check.run(one, other))
        if mine - {pattern} and pattern not in mine:
            inner = [_unsure(problem) for problem in inner]
        found += inner
    one, other = small.others(), large.others()
    if empty(other) and not empty(one):
        if not check.mode.tolerant:
            why = "members that are not named are refused"
            found.append(_problem("additionalProperties", small, large, None, False, why))
        return found
    return found + beneath(("additionalProperties",), check.run(one, other))


def _unsure(problem: Problem) -> Problem:
    return replace(problem, cannot=True)


def _counts(small: Node, large: Node) -> list[Problem]:
    a, b = small.facts, large.facts
    found = []
    least = max(a.min_properties, len(a.required))
    if least < b.min_properties:
        found.append(_problem("minProperties", small, large, least or None, b.min_properties, "fewer members are not allowed"))
    most = a.max_properties
    if empty(small.others()) and not any(shape.patterns for shape in a.shapes):
        most = len(small.names) if most is None else min(most, len(small.names))
    if b.max_properties is not None and (most is None or most > b.max_properties):
        found.append(_problem("maxProperties", small, large, most, b.max_properties, "more members are not allowed"))
    return found


def _problem(
    keyword: str, small: Node, large: Node, one: Any, other: Any, why: str, *, cannot: bool = False
) -> Problem:
    return Problem((), keyword, one, other, small.pointer, large.pointer, why, cannot)

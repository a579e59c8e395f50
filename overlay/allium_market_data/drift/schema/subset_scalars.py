"""The part of the subset check that looks at numbers and texts: bounds, steps, lengths, patterns, formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from .constraints import ALL_TYPES, Constraints
from .problem import Problem, stated
from .schema import Schema
from .validation import accepts

_FINITE: Final = 1000
_NARROWER: Final = {("float", "double")}


def types_text(types: Iterable[str]) -> str:
    """Types in words."""
    return " or ".join(_type_names(frozenset(types)))


def _type_names(types: frozenset[str]) -> list[str]:
    named = ["number"] if "fraction" in types else ["integer"] if "integer" in types else []
    return sorted([*named, *(types - {"integer", "fraction"})])


def type_list(types: frozenset[str]) -> list[str] | None:
    """Types as a schema states them; None where any is allowed."""
    return None if types == ALL_TYPES else _type_names(types)


def _plain_number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _limit(bound: tuple[Fraction, bool] | None) -> Any:
    if bound is None:
        return None
    return {"exclusive": _plain_number(bound[0])} if bound[1] else _plain_number(bound[0])


def number_problems(small: Schema, large: Schema) -> list[Problem]:
    """What stands against the numbers of one node being numbers of another."""
    a, b = small.constraints, large.constraints
    found = []
    if b.lower is not None and (a.lower is None or a.lower < b.lower):
        found.append(
            stated("minimum", small, large, _limit(a.lower), _limit(b.lower), "smaller numbers are not allowed")
        )
    if b.upper is not None and (a.upper is None or (a.upper[0], not a.upper[1]) > (b.upper[0], not b.upper[1])):
        found.append(
            stated("maximum", small, large, _limit(a.upper), _limit(b.upper), "larger numbers are not allowed")
        )
    whole = "fraction" not in a.types
    for step in sorted(b.multiples):
        held = any((mine / step).denominator == 1 for mine in {*a.multiples, *({Fraction(1)} if whole else ())} if step)
        if not held:
            stepped = [_plain_number(one) for one in sorted(a.multiples)]
            mine = stepped[0] if len(stepped) == 1 else stepped or None
            found.append(stated("multipleOf", small, large, mine, _plain_number(step), "other steps are not allowed"))
    values = finite(replace(a, enum=None, types=a.types & {"integer"})) if found and whole else None
    if values is not None and all(accepts(large, value) for value in values):
        return []
    formats = _format(small, large, {"float", "double"}) if not whole else []
    return found + formats


def _format(small: Schema, large: Schema, only: set[str]) -> list[Problem]:
    a, b = small.constraints.formats, large.constraints.formats
    missing = {name for name in b - a if not any((mine, name) in _NARROWER for mine in a)} & (only or b)
    if not missing:
        return []
    name = min(missing)
    return [stated("format", small, large, min(a, default=None), name, f"it must have the format {name}")]


def text_problems(small: Schema, large: Schema) -> list[Problem]:
    """What stands against the texts of one node being texts of another."""
    a, b = small.constraints, large.constraints
    found = []
    if a.min_length < b.min_length:
        found.append(
            stated("minLength", small, large, a.min_length or None, b.min_length, "shorter texts are not allowed")
        )
    if b.max_length is not None and (a.max_length is None or a.max_length > b.max_length):
        found.append(stated("maxLength", small, large, a.max_length, b.max_length, "longer texts are not allowed"))
    for pattern in sorted(b.patterns - a.patterns):
        mine = min(a.patterns, default=None)
        why = f"it must match {pattern}"
        unsure = mine is not None or bool(a.formats)
        found.append(stated("pattern", small, large, mine, pattern, why, cannot=unsure))
    return found + _format(small, large, set())


def finite(facts: Constraints) -> list[Any] | None:
    """All values of a node that has few of them, or None."""
    if facts.enum is not None:
        return [*facts.enum.values()]
    if not facts.types <= {"null", "boolean", "integer"}:
        return None
    values: list[Any] = [None] if "null" in facts.types else []
    values += [False, True] if "boolean" in facts.types else []
    if "integer" in facts.types:
        if facts.lower is None or facts.upper is None or facts.upper[0] - facts.lower[0] > _FINITE:
            return None
        values += range(int(facts.lower[0]), int(facts.upper[0]) + 1)
    return values

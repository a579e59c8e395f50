"""A search with Hypothesis for values that one schema allows and another refuses."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, InvalidArgument, NoSuchExample, Unsatisfiable

from allium_market_data.codegen.canonical import canonical
from allium_market_data.drift.schema.constraints import compiled
from allium_market_data.drift.schema.sample_value import FORMATS, LONGEST, limits, sample_value
from allium_market_data.drift.schema.schema import Schema
from allium_market_data.drift.schema.traversal import walk
from allium_market_data.drift.schema.validation import accepts

Strategy = st.SearchStrategy[Any]

_DEPTH: Final = 4
_MOST_ITEMS: Final = 50
_LETTERS: Final = "abcxyz019 .:-_/AZé"
_PATTERN_LETTERS: Final = _LETTERS + "0123456789bcdefghijklmnopqrstuvwBCDEF"
_TEXTS: Final = ("", "a", "1", "-1", "1.5", "1e3", "text", "2026-05-01", "2026-05-01T00:30:00", "null")


@dataclass(frozen=True, slots=True)
class Targets:
    """What to try against a schema: the names of its members, and values at and next to its limits."""

    names: tuple[str, ...] = ()
    scalars: tuple[Any, ...] = ()


def targets(large: Schema) -> Targets:
    """What to try against a schema."""
    names: dict[str, None] = {}
    scalars: dict[str, Any] = {}
    for _, schema in walk(large):
        constraints = schema.constraints
        names |= dict.fromkeys([*schema.names, *sorted(constraints.required)])
        edges = limits(constraints)
        numbers: list[float] = [*(int(edge) + step for edge in edges for step in (0, 1, -1)), *edges]
        sizes = [size for size in (constraints.min_length, constraints.max_length) if size is not None]
        texts = ["a" * size for edge in sizes for size in (edge - 1, edge, edge + 1) if 0 <= size <= LONGEST]
        for value in [*numbers, *texts, *(constraints.enum or {}).values()]:
            scalars.setdefault(canonical(value), value)
    return Targets(tuple(names), tuple(scalars.values()))


def search(small: Schema, large: Schema) -> tuple[Any] | None:
    """A value that ``small`` allows and ``large`` refuses, in a tuple; None if none was found."""
    options = settings(
        database=None, derandomize=True, max_examples=150, suppress_health_check=list(HealthCheck), deadline=None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            strategy = values(small, targets(large))
            return (find(strategy, lambda value: accepts(large, value) is False, settings=options),)
        except (NoSuchExample, Unsatisfiable, InvalidArgument):
            return None


def values(schema: Schema, target: Targets, depth: int = _DEPTH) -> Strategy:
    """Values that a schema allows, or that it is not known to refuse."""
    constraints = schema.constraints
    strategy = [st.just(sample_value(schema))]
    if constraints.enum is not None:
        strategy.append(st.sampled_from([*constraints.enum.values()] or [None]))
    elif depth:
        strategy.append(st.sampled_from([*target.scalars, None, ""]))
        if constraints.choices:
            choice = constraints.choices[0]
            branches = (schema.choose(choice, at) for at in range(len(choice.branches)))
            strategy += [values(branch, target, depth - 1) for branch in branches]
        else:
            strategy += [_OF_TYPE[kind](schema, target, depth) for kind in sorted(constraints.types)]
    return st.one_of(strategy).filter(lambda value: accepts(schema, value) is not False)


def _integers(schema: Schema, target: Targets, depth: int) -> Strategy:
    constraints = schema.constraints
    low = None if constraints.lower is None else int(-(-constraints.lower[0] // 1))
    high = None if constraints.upper is None else int(constraints.upper[0] // 1)
    if low is not None and high is not None and low > high:
        return st.nothing()
    edges = [edge + step for edge in (low, high) if edge is not None for step in (0, 1, -1)]
    strategy = st.integers(low, high) | st.sampled_from([0, 1, -1, 2**31, -(2**31) - 1, 2**63, *edges])
    steps = [step for step in sorted(constraints.multiples) if step]
    return strategy | st.integers(-50, 50).map(lambda count: int(count * steps[0])) if steps else strategy


def _fractions(schema: Schema, target: Targets, depth: int) -> Strategy:
    edges = [limit + step for limit in limits(schema.constraints) for step in (0.0, 0.5, -0.5, 0.001)]
    steps = [float(step) for step in sorted(schema.constraints.multiples)]
    samples = st.sampled_from([0.5, 1.5, -0.5, 1e-9, 12345.75, *edges, *steps])
    return samples | st.integers(-4000, 4000).map(lambda count: count / 8)


def _strings(schema: Schema, target: Targets, depth: int) -> Strategy:
    constraints = schema.constraints
    least = constraints.min_length
    most = constraints.max_length if constraints.max_length is not None else least + 12
    if most < least or least > LONGEST:
        return st.nothing()
    sizes = sorted({least, least + 1, min(most, LONGEST), min(most + 1, LONGEST), 40})
    strategy = st.sampled_from([*_TEXTS, *FORMATS.values(), *("a" * size for size in sizes)])
    strategy |= st.text(alphabet=_LETTERS, min_size=least, max_size=min(most, least + 12))
    for pattern in sorted(constraints.patterns):
        strategy |= _matching(pattern)
    return strategy


def _matching(pattern: str) -> st.SearchStrategy[str]:
    regex = compiled(pattern)
    if regex is None:
        return st.nothing()
    try:
        strategy = st.from_regex(regex, alphabet=_PATTERN_LETTERS, fullmatch=False)
        strategy.validate()
    except (HypothesisException, re.error, ValueError, TypeError):
        return st.nothing()
    return strategy


def _arrays(schema: Schema, target: Targets, depth: int) -> Strategy:
    constraints = schema.constraints
    most = (
        constraints.min_items + 3
        if constraints.max_items is None
        else min(constraints.min_items + 3, constraints.max_items)
    )
    least = min(constraints.min_items, most)
    if least > _MOST_ITEMS:
        return st.nothing()
    rest = values(schema.item(schema.prefix), target, depth - 1)
    if not schema.prefix:
        return st.lists(rest, min_size=least, max_size=most)
    first = [values(schema.item(at), target, depth - 1) for at in range(schema.prefix)]
    strategy = [st.tuples(*first[:count]).map(list) for count in range(len(first) + 1)]  # an array may be shorter
    tail = st.lists(rest, max_size=max(0, most - len(first)))
    strategy.append(st.tuples(strategy[-1], tail).map(lambda parts: parts[0] + parts[1]))
    return st.one_of(strategy).map(lambda items: items[:most])


def _objects(schema: Schema, target: Targets, depth: int) -> Strategy:
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for name in [*schema.names, *sorted(schema.constraints.required - {*schema.names})]:
        member = schema.member(name)
        chosen = st.just(sample_value(member)) | values(member, target, depth - 1)
        (required if name in schema.constraints.required else optional)[name] = chosen
    named = st.fixed_dictionaries(required, optional=optional)
    unnamed = values(schema.others(), target, min(depth - 1, 1))
    extras = [st.dictionaries(st.sampled_from([*target.names, "other", "more", "x-1"]), unnamed, max_size=3)]
    for pattern in sorted(schema.patterns):
        matching = values(schema.matching(pattern), target, depth - 1)
        extras.append(st.dictionaries(_matching(pattern), matching, max_size=2))
    combined = (st.tuples(named, extra).map(lambda parts: {**parts[1], **parts[0]}) for extra in extras)
    return st.one_of(named, *combined)


_OF_TYPE: Final[dict[str, Callable[[Schema, Targets, int], Strategy]]] = {
    "null": lambda *_: st.none(),
    "boolean": lambda *_: st.booleans(),
    "integer": _integers,
    "fraction": _fractions,
    "string": _strings,
    "array": _arrays,
    "object": _objects,
}

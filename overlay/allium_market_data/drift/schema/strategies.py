"""Hypothesis strategies for the values of a schema, written by hand: simple values first, the edges of each bound next."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from ...codegen.canonical import canonical
from ..diff.wording import members
from .constraints import compiled
from .sample_value import FORMATS, LONGEST, sample_value
from .schema import Schema
from .validation import accepts, is_hidden

_DEPTH: Final = 4
_ITEMS: Final = 50
_LETTERS: Final = "abcxyz019 .:-_/AZé"
_TEXTS: Final = ("", "a", "1", "-1", "1.5", "1e3", "text", "2026-05-01", "2026-05-01T00:30:00", "null")


@dataclass(frozen=True, slots=True)
class Aim:
    """What values are for: their side, and the names and single values that the schema they are to break knows."""

    side: str = ""
    names: tuple[str, ...] = ()
    scalars: tuple[Any, ...] = ()


def aim(large: Schema, side: str) -> Aim:
    """What to try against a schema: its own names, and values at and beside its limits."""
    names: dict[str, None] = {}
    scalars: dict[str, Any] = {}
    for _, node in members(large):
        facts = node.constraints
        names |= dict.fromkeys([*node.names, *sorted(facts.required)])
        edges = [bound[0] for bound in (facts.lower, facts.upper) if bound]
        found: list[float] = [int(edge) + step for edge in edges for step in (0, 1, -1)]
        found += [float(edge) for edge in edges]
        sizes = [size for size in (facts.min_length, facts.max_length) if size is not None]
        texts = ["a" * size for edge in sizes for size in (edge - 1, edge, edge + 1) if 0 <= size <= LONGEST]
        for value in [*found, *texts, *(facts.enum or {}).values()]:
            scalars.setdefault(canonical(value), value)
    return Aim(side, tuple(names), tuple(scalars.values()))


def focused(node: Schema, path: tuple[str | int, ...], aim: Aim) -> st.SearchStrategy[Any]:
    """Values that are plain but for what stands at ``path``, the tokens from the schema to the part of interest."""
    if len(path) >= 2 and path[0] == "properties" and "object" in node.constraints.types:
        name = str(path[1])
        rest = {key: value for key, value in _members(node, aim).items() if key != name}
        return focused(node.member(name), path[2:], aim).map(lambda value: {**rest, name: value})
    if path and path[0] == "items" and "array" in node.constraints.types:
        count = min(max(1, node.constraints.min_items - node.prefix), _ITEMS)
        first = [sample_value(node.item(at), aim.side) for at in range(node.prefix)]
        return focused(node.item(node.prefix), path[1:], aim).map(lambda value: [*first, *[value] * count])
    return values(node, aim)


def _members(node: Schema, aim: Aim) -> dict[str, Any]:
    made = sample_value(node, aim.side)
    return made if isinstance(made, dict) else {}


def values(node: Schema, aim: Aim, depth: int = _DEPTH) -> st.SearchStrategy[Any]:
    """Values that a node allows, or that are not told to be refused by it."""
    made = [st.just(sample_value(node, aim.side))]
    facts = node.constraints
    if facts.enum is not None:
        made.append(st.sampled_from([*facts.enum.values()] or [None]))
    elif depth:
        made.append(st.sampled_from([*aim.scalars, None, ""]))
        if facts.groups:
            group = facts.groups[0]
            made += [values(node.choose(group, at), aim, depth - 1) for at in range(len(group.branches))]
        else:
            made += [_OF_TYPE[kind](node, aim, depth) for kind in sorted(facts.types)]
    return st.one_of(made).filter(lambda value: accepts(node, value, aim.side) is not False)


def _null(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    return st.none()


def _boolean(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    return st.booleans()


def _integer(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    facts = node.constraints
    low = None if facts.lower is None else int(-(-facts.lower[0] // 1))
    high = None if facts.upper is None else int(facts.upper[0] // 1)
    if low is not None and high is not None and low > high:
        return st.nothing()
    edges = [edge + step for edge in (low, high) if edge is not None for step in (0, 1, -1)]
    made = st.integers(low, high) | st.sampled_from([0, 1, -1, 2**31, -(2**31) - 1, 2**63, *edges])
    steps = [step for step in sorted(facts.multiples) if step]
    return made | st.integers(-50, 50).map(lambda count: int(count * steps[0])) if steps else made


def _fraction(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    facts = node.constraints
    edges = [
        float(bound[0]) + step for bound in (facts.lower, facts.upper) if bound for step in (0.0, 0.5, -0.5, 0.001)
    ]
    steps = [float(step) for step in sorted(facts.multiples)]
    plain_ones = st.sampled_from([0.5, 1.5, -0.5, 1e-9, 12345.75, *edges, *steps])
    return plain_ones | st.integers(-4000, 4000).map(lambda count: count / 8)


def _string(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    facts = node.constraints
    most = facts.max_length if facts.max_length is not None else facts.min_length + 12
    if most < facts.min_length or facts.min_length > LONGEST:
        return st.nothing()
    sizes = {facts.min_length, facts.min_length + 1, min(most, LONGEST), min(most + 1, LONGEST)}
    made = st.sampled_from([*_TEXTS, *FORMATS.values(), *("a" * size for size in sorted(sizes)), "a" * 40])
    made |= st.text(alphabet=_LETTERS, min_size=facts.min_length, max_size=max(min(most, facts.min_length + 12), 0))
    for pattern in sorted(facts.patterns):
        if compiled(pattern) is not None:
            made |= _from_pattern(pattern)
    return made


def _from_pattern(pattern: str) -> st.SearchStrategy[str]:
    try:
        made = st.from_regex(
            re.compile(pattern), alphabet=_LETTERS + "0123456789bcdefghijklmnopqrstuvwBCDEF", fullmatch=False
        )
        made.validate()
    except (HypothesisException, re.error, ValueError, TypeError):
        return st.nothing()
    return made


def _array(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    facts = node.constraints
    first = [values(node.item(at), aim, depth - 1) for at in range(node.prefix)]
    rest = values(node.item(node.prefix), aim, depth - 1)
    most = min(facts.min_items + 3, facts.max_items) if facts.max_items is not None else facts.min_items + 3
    least = min(facts.min_items, most)
    if least > _ITEMS:
        return st.nothing()
    if not first:
        return st.lists(rest, min_size=least, max_size=most)
    tail = st.lists(rest, max_size=max(0, most - len(first)))
    made = [
        st.tuples(*first[:count]).map(list) for count in range(len(first) + 1)
    ]  # an array may end before its prefix
    made.append(st.tuples(made[-1], tail).map(lambda parts: parts[0] + parts[1]))
    return st.one_of(made).map(lambda items: items[: max(most, 0)])


def _object(node: Schema, aim: Aim, depth: int) -> st.SearchStrategy[Any]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name in [*node.names, *sorted(node.constraints.required - {*node.names})]:
        member = node.member(name)
        if is_hidden(member, aim.side):
            continue
        chosen = st.just(sample_value(member, aim.side)) | values(member, aim, depth - 1)
        (required if name in node.constraints.required else optional)[name] = chosen
    extra = values(node.others(), aim, min(depth - 1, 1))
    extras = st.dictionaries(st.sampled_from([*aim.names, "other", "more", "x-1"]), extra, max_size=3)
    named = st.fixed_dictionaries(required, optional=optional)
    patterned = [
        st.dictionaries(_from_pattern(pattern), values(node.matching(pattern), aim, depth - 1), max_size=2)
        for shape in node.constraints.shapes
        for pattern in shape.patterns
    ]
    made = named | st.tuples(named, extras).map(lambda parts: {**parts[1], **parts[0]})
    for more in patterned:
        made |= st.tuples(named, more).map(lambda parts: {**parts[1], **parts[0]})
    return made


_OF_TYPE: Final[dict[str, Callable[[Schema, Aim, int], st.SearchStrategy[Any]]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "fraction": _fraction,
    "string": _string,
    "array": _array,
    "object": _object,
}

"""Hypothesis strategies for the values of a schema, written by hand: simple values first, the edges of each bound next."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from .facts import compiled
from .instance import accepts, hidden
from .plain import FORMATS, plain
from .schema import Node

_DEPTH: Final = 4
_LETTERS: Final = "abcxyz019 .:-_/AZé"
_TEXTS: Final = ("", "a", "1", "-1", "1.5", "1e3", "text", "2026-05-01", "2026-05-01T00:30:00", "null")


def focused(node: Node, path: tuple[str | int, ...], side: str) -> st.SearchStrategy[Any]:
    """Values that are plain but for what stands at ``path``, the tokens from the schema to the part of interest."""
    if len(path) >= 2 and path[0] == "properties" and "object" in node.facts.types:
        name = str(path[1])
        rest = {key: value for key, value in _members(node, side).items() if key != name}
        return focused(node.member(name), path[2:], side).map(lambda value: {**rest, name: value})
    if path and path[0] == "items" and "array" in node.facts.types:
        count = max(1, node.facts.min_items - node.prefix)
        first = [plain(node.item(at), side) for at in range(node.prefix)]
        return focused(node.item(node.prefix), path[1:], side).map(lambda value: [*first, *[value] * count])
    return values(node, side)


def _members(node: Node, side: str) -> dict[str, Any]:
    made = plain(node, side)
    return made if isinstance(made, dict) else {}


def values(node: Node, side: str, depth: int = _DEPTH) -> st.SearchStrategy[Any]:
    """Values that a node allows, or that are not told to be refused by it."""
    made = [st.just(plain(node, side))]
    facts = node.facts
    if facts.enum is not None:
        made.append(st.sampled_from([*facts.enum.values()] or [None]))
    elif depth:
        if facts.groups:
            group = facts.groups[0]
            made += [values(node.choose(group, at), side, depth - 1) for at in range(len(group.branches))]
        else:
            made += [_OF_TYPE[kind](node, side, depth) for kind in sorted(facts.types)]
    return st.one_of(made).filter(lambda value: accepts(node, value, side) is not False)


def _null(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    return st.none()


def _boolean(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    return st.booleans()


def _integer(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    facts = node.facts
    low = None if facts.lower is None else int(-(-facts.lower[0] // 1))
    high = None if facts.upper is None else int(facts.upper[0] // 1)
    if low is not None and high is not None and low > high:
        return st.nothing()
    edges = [edge + step for edge in (low, high) if edge is not None for step in (0, 1, -1)]
    made = st.integers(low, high) | st.sampled_from([0, 1, -1, 2**31, -(2**31) - 1, 2**63, *edges])
    steps = [step for step in sorted(facts.multiples) if step]
    return made | st.integers(-50, 50).map(lambda count: int(count * steps[0])) if steps else made


def _fraction(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    facts = node.facts
    edges = [
        float(bound[0]) + step for bound in (facts.lower, facts.upper) if bound for step in (0.0, 0.5, -0.5, 0.001)
    ]
    steps = [float(step) for step in sorted(facts.multiples)]
    plain_ones = st.sampled_from([0.5, 1.5, -0.5, 1e-9, 12345.75, *edges, *steps])
    return plain_ones | st.integers(-4000, 4000).map(lambda count: count / 8)


def _string(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    facts = node.facts
    most = facts.max_length if facts.max_length is not None else facts.min_length + 12
    if most < facts.min_length:
        return st.nothing()
    sizes = {facts.min_length, facts.min_length + 1, min(most, 5000), min(most + 1, 5000)}
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


def _array(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    facts = node.facts
    first = [values(node.item(at), side, depth - 1) for at in range(node.prefix)]
    rest = values(node.item(node.prefix), side, depth - 1)
    most = min(facts.min_items + 3, facts.max_items) if facts.max_items is not None else facts.min_items + 3
    least = min(facts.min_items, most)
    if not first:
        return st.lists(rest, min_size=least, max_size=most)
    tail = st.lists(rest, max_size=max(0, most - len(first)))
    whole = st.tuples(*first).map(list)
    return (whole | st.tuples(whole, tail).map(lambda parts: parts[0] + parts[1])).map(
        lambda items: items[: max(most, 0)]
    )


def _object(node: Node, side: str, depth: int) -> st.SearchStrategy[Any]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name in [*node.names, *sorted(node.facts.required - {*node.names})]:
        member = node.member(name)
        if hidden(member, side):
            continue
        chosen = st.just(plain(member, side)) | values(member, side, depth - 1)
        (required if name in node.facts.required else optional)[name] = chosen
    extra = values(node.others(), side, min(depth - 1, 1))
    extras = st.dictionaries(st.sampled_from(["other", "more", "x-1"]), extra, max_size=3)
    named = st.fixed_dictionaries(required, optional=optional)
    patterned = [
        st.dictionaries(_from_pattern(pattern), values(node.matching(pattern), side, depth - 1), max_size=2)
        for shape in node.facts.shapes
        for pattern in shape.patterns
    ]
    made = named | st.tuples(named, extras).map(lambda parts: {**parts[1], **parts[0]})
    for more in patterned:
        made |= st.tuples(named, more).map(lambda parts: {**parts[1], **parts[0]})
    return made


_OF_TYPE: Final[dict[str, Callable[[Node, str, int], st.SearchStrategy[Any]]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "fraction": _fraction,
    "string": _string,
    "array": _array,
    "object": _object,
}

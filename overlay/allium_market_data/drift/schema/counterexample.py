"""Values that one schema allows and another refuses, found by trying variants of a sample value, simple ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Final

from ...codegen.canonical import canonical
from .sample_value import FORMATS, LONGEST, guesses, limits, sample_value
from .schema import Path, Schema
from .traversal import walk
from .validation import accepts

_DEPTH: Final = 4
_MOST_TRIES: Final = 3000
_MOST_ITEMS: Final = 50
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.5, 0.001, 2**31, 2**63),
    *("", "a", "1", "-1", "1.5", "1e3", "text", "null", "2026-05-01T00:30:00", "a" * 40),
    *FORMATS.values(),
    *([], {}),
)


def find_counterexample(
    small: Schema, large: Schema, path: Path, side: str = "", condition: Callable[[Any], bool] | None = None
) -> tuple[Any] | None:
    """A value that ``small`` allows and ``large`` refuses, in a tuple; None if none was found.

    Values that differ from a sample value only at ``path`` are tried first; with a ``condition`` that a value has to meet,
    only those are.
    """
    edges = _edges(large)
    candidates = _at_path(small, path, side, edges)
    if condition is None:
        candidates = chain(candidates, _variants(small, side, edges))
    for value in islice(candidates, _MOST_TRIES):
        is_counterexample = accepts(large, value, side) is False and accepts(small, value, side) is not False
        if is_counterexample and (condition is None or condition(value)):
            return (value,)
    return None


def _edges(schema: Schema) -> list[Any]:
    """Values at the limits of a schema and of the schemas inside it, and some of every type."""
    edges: dict[str, Any] = {}
    for _, inner in walk(schema):
        constraints = inner.constraints
        values: list[Any] = [limit + step for limit in limits(constraints) for step in (0, 1, -1, 0.5)]
        sizes = [size for size in (constraints.min_length, constraints.max_length) if size is not None]
        values += ["a" * size for edge in sizes for size in (edge - 1, edge, edge + 1) if 0 <= size <= LONGEST]
        for value in [*values, *(constraints.enum or {}).values(), *_VALUES]:
            edges.setdefault(canonical(value), int(value) if _is_whole(value) else value)
    return [*edges.values()]


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _at_path(schema: Schema, path: Path, side: str, edges: list[Any]) -> Iterator[Any]:
    """Sample values of which only the part at a path varies."""
    sample = sample_value(schema, side)
    if path[:1] == ("properties",) and isinstance(sample, dict):
        name = str(path[1])
        for inner in _at_path(schema.member(name), path[2:], side, edges):
            yield {**sample, name: inner}
    elif path[:1] == ("items",) and isinstance(sample, list):
        first = [sample_value(schema.item(at), side) for at in range(schema.prefix)]
        count = min(max(1, schema.constraints.min_items - schema.prefix), _MOST_ITEMS)
        for inner in _at_path(schema.item(schema.prefix), path[1:], side, edges):
            yield [*first, *[inner] * count]
    else:
        yield from _variants(schema, side, edges)


def _variants(schema: Schema, side: str, edges: list[Any], depth: int = _DEPTH) -> Iterator[Any]:
    """Values that a schema may allow: samples, edges, and samples of which one part varies."""
    yield sample_value(schema, side)
    yield from guesses(schema, side)
    yield from edges
    if depth:
        for choice in schema.constraints.choices:
            for at in range(len(choice.branches)):
                yield from _variants(schema.choose(choice, at), side, edges, depth - 1)
        if "array" in schema.constraints.types:
            yield from _arrays(schema, side, edges, depth)
        if "object" in schema.constraints.types:
            yield from _objects(schema, side, edges, depth)


def _arrays(schema: Schema, side: str, edges: list[Any], depth: int) -> Iterator[Any]:
    items = [sample_value(schema.item(at), side) for at in range(_MOST_ITEMS)]
    yield from (items[:count] for count in range(_MOST_ITEMS))
    for value in _variants(schema.item(schema.prefix), side, edges, depth - 1):
        yield [*items[: schema.prefix], value]


def _objects(schema: Schema, side: str, edges: list[Any], depth: int) -> Iterator[Any]:
    every = [*schema.names, *sorted(schema.constraints.required - {*schema.names})]
    names = [name for name in every if not schema.member(name).is_hidden(side)]
    sample = {name: sample_value(schema.member(name), side) for name in names}
    for name in names:
        yield {key: value for key, value in sample.items() if key != name}
    for name in [*names, "other"]:
        for value in _variants(schema.member(name), side, edges, depth - 1):
            yield {**sample, name: value}

"""One simple value of a schema: an example from the document where it has one, otherwise made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .constraints import Constraints
from .schema import Schema
from .validation import accepts

_DEPTH: Final = 8
LONGEST: Final = 5000
"""The longest text that is made up; a schema that requires longer ones gets none."""

FORMATS: Final = {
    "date-time": "2026-05-01T00:00:00Z",
    "date": "2026-05-01",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "a@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
}
"""A text of each format that can be checked."""


def sample_value(schema: Schema, side: str = "", depth: int = _DEPTH) -> Any:
    """A value that the schema allows, if one is easily found; the first guess otherwise."""
    values = [*guesses(schema, side, depth)]
    allowed = (guess for guess in values if accepts(schema, guess, side) is not False)
    return next(allowed, values[0] if values else None)


def guesses(schema: Schema, side: str, depth: int = _DEPTH) -> Iterator[Any]:
    """Values that a schema may allow, the best first."""
    constraints = schema.constraints
    stated = [schema.annotation("example"), schema.annotation("default")]
    yield from (value for value in stated if value is not None)
    examples = schema.annotation("examples")
    yield from examples if isinstance(examples, list) else []
    if constraints.enum is not None:
        yield from constraints.enum.values()
        return
    if constraints.choices and depth:
        choice = constraints.choices[0]
        branches = (schema.choose(choice, at) for at in range(len(choice.branches)))
        yield from (sample_value(branch, side, depth - 1) for branch in branches)
    for kind in ("object", "array", "string", "integer", "fraction", "boolean", "null"):
        if kind in constraints.types:
            yield from _of_type(schema, kind, side, depth)


def _of_type(schema: Schema, kind: str, side: str, depth: int) -> Iterator[Any]:
    constraints = schema.constraints
    match kind:
        case "object":
            yield from _objects(schema, side, depth)
        case "array":
            count = max(constraints.min_items, 0 if depth <= 0 or constraints.max_items == 0 else 1)
            yield [sample_value(schema.item(at), side, depth - 1) for at in range(min(count, 20))]
        case "string":
            yield from (FORMATS[name] for name in sorted(constraints.formats & FORMATS.keys()))
            yield from ("text", "a" * min(constraints.min_length, LONGEST), "1", "")
        case "integer":
            yield from (int(limit + step) for limit in limits(constraints) for step in (0, 1, -1))
            yield from (*map(int, sorted(constraints.multiples)), 1, 0)
        case "fraction":
            yield from (limit + step for limit in limits(constraints) for step in (0, 0.5, -0.5))
            yield from (0.5, 1.5)
        case "boolean":
            yield from (True, False)
        case _:
            yield None


def _objects(schema: Schema, side: str, depth: int) -> Iterator[dict[str, Any]]:
    """An object with all members, and one with the required members alone."""
    required = schema.constraints.required
    names = [*schema.names, *sorted(required - {*schema.names})]
    sent = {name: schema.member(name) for name in names if not schema.member(name).is_hidden(side)}
    for kept in (sent.keys() if depth else sent.keys() & required, sent.keys() & required if depth else ()):
        yield {name: sample_value(member, side, depth - 1) for name, member in sent.items() if name in kept}


def limits(constraints: Constraints) -> list[float]:
    """The bounds of a number, without whether they are excluded."""
    return [float(bound[0]) for bound in (constraints.lower, constraints.upper) if bound]

"""One plain value of a schema: what the document itself gives as an example where it can, or else the simplest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .schema import Schema
from .validation import accepts, is_hidden

_DEPTH: Final = 8
LONGEST: Final = 5000
"""The longest text that is made up; a schema that wants longer ones gets none."""

FORMATS: Final = {
    "date-time": "2026-05-01T00:00:00Z",
    "date": "2026-05-01",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "a@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
}
"""A text of each format that is known."""


def sample_value(node: Schema, side: str = "", depth: int = _DEPTH) -> Any:
    """A value that the node allows, if one is easily found; the first guess otherwise."""
    guesses = [*_guesses(node, side, depth)]
    return next(
        (guess for guess in guesses if accepts(node, guess, side) is not False), guesses[0] if guesses else None
    )


def _guesses(node: Schema, side: str, depth: int) -> Iterator[Any]:
    facts = node.constraints
    examples = node.note("examples")
    yield from (value for value in [node.note("example"), node.note("default")] if value is not None)
    yield from examples if isinstance(examples, list) else []
    if facts.enum is not None:
        yield from facts.enum.values()
        return
    if facts.groups and depth:
        yield from (
            sample_value(node.choose(facts.groups[0], at), side, depth - 1)
            for at in range(len(facts.groups[0].branches))
        )
    for kind in ("object", "array", "string", "integer", "fraction", "boolean", "null"):
        if kind in facts.types:
            yield from _of_type(node, kind, side, depth)


def _of_type(node: Schema, kind: str, side: str, depth: int) -> Iterator[Any]:
    facts = node.constraints
    match kind:
        case "object":
            wanted = [*node.names, *sorted(facts.required - {*node.names})]
            kept = [name for name in wanted if not is_hidden(node.member(name), side)]
            yield {
                name: sample_value(node.member(name), side, depth - 1)
                for name in kept
                if depth or name in facts.required
            }
            yield {
                name: sample_value(node.member(name), side, depth - 1)
                for name in kept
                if name in facts.required and depth
            }
        case "array":
            count = max(facts.min_items, 0 if depth <= 0 or facts.max_items == 0 else 1)
            yield [sample_value(node.item(at), side, depth - 1) for at in range(min(count, 20))]
        case "string":
            yield from (FORMATS[name] for name in sorted(facts.formats) if name in FORMATS)
            yield from ("text", "a" * min(facts.min_length, LONGEST), "1", "")
        case "integer":
            yield from (int(bound[0]) + step for bound in (facts.lower, facts.upper) if bound for step in (0, 1, -1))
            yield from (int(step) for step in sorted(facts.multiples))
            yield from (1, 0)
        case "fraction":
            yield from (
                float(bound[0]) + step for bound in (facts.lower, facts.upper) if bound for step in (0, 0.5, -0.5)
            )
            yield from (0.5, 1.5)
        case "boolean":
            yield from (True, False)
        case _:
            yield None

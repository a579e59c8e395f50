"""A schema and all schemas inside it, of one document or of two at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from .schema import Path, Schema

_MOST_WALKED: Final = 1500


def walk(schema: Schema, skip: Callable[[Schema], bool] | None = None) -> Iterator[tuple[Path, Schema]]:
    """A schema and the schemas inside it, with their paths; a recursive schema is entered once, a skipped one never.

    Schemas that share many others have a huge number of paths: only the first 1,500 are given.
    """
    queue: deque[tuple[Path, Schema, frozenset[Any]]] = deque([((), schema, frozenset())])
    for _ in range(_MOST_WALKED):
        if not queue:
            return
        path, inner, above = queue.popleft()
        if inner.key in above or (path and not inner.subschemas) or (skip and skip(inner)):
            continue
        yield path, inner
        queue += [((*path, *step), child, above | {inner.key}) for step, child in inner.children()]


def walk_pairs(old: Schema, new: Schema) -> Iterator[tuple[Path, Schema, Schema]]:
    """Two schemas and the pairs of schemas inside both, with their paths; a recursive pair is entered once."""
    todo: list[tuple[Path, Schema, Schema]] = [((), old, new)]
    seen = set()
    while todo:
        path, before, after = todo.pop()
        if before.resolver.is_same and before.resolver.is_same(before, after):
            continue
        if (before.key, after.key) not in seen:
            seen.add((before.key, after.key))
            yield path, before, after
            counterparts = dict(after.children())
            shared = [(step, child) for step, child in before.children() if step in counterparts]
            todo += [((*path, *step), child, counterparts[step]) for step, child in shared]

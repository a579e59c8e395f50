"""Which parts of two documents are the same, with everything that they refer to: those need no comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ...codegen.canonical import canonical, join
from .schema import Resolver, Schema


class Unchanged:
    """Compares two documents once. A component counts as changed if it differs, or refers to one that counts so."""

    def __init__(self, old: Resolver, new: Resolver) -> None:
        components = [dict(_components(resolver)) for resolver in (old, new)]
        self._same = {
            pointer
            for pointer, value in components[0].items()
            if pointer in components[1] and canonical(value) == canonical(components[1][pointer])
        }
        self._known: dict[tuple[Any, Any], bool] = {}
        references = {pointer: {*_references(components[0][pointer])} for pointer in self._same}
        while lost := {pointer for pointer in self._same if not references[pointer] <= self._same}:
            self._same -= lost

    def same(self, old: Any, new: Any) -> bool:
        """Whether two values state the same and refer to the same unchanged components."""
        return self._same.issuperset(_references(old)) and canonical(old) == canonical(new)

    def is_component(self, schema: Schema) -> bool:
        """Whether a schema is nothing but a reference to a component that is the same in both documents."""
        return bool(schema.given) and all(
            isinstance(each.value, dict)
            and each.value.keys() == {"$ref"}
            and self._same.issuperset(_references(each.value))
            for each in schema.given
        )

    def same_schemas(self, old: Schema, new: Schema) -> bool:
        """Whether two schemas are certainly the same."""
        if old.settled or new.settled or len(old.given) != len(new.given):
            return False
        key = (old.resolver, old.key), (new.resolver, new.key)
        if key not in self._known:
            pairs = zip(old.given, new.given, strict=True)
            self._known[key] = all(self.same(before.value, after.value) for before, after in pairs)
        return self._known[key]


def _components(resolver: Resolver) -> Iterator[tuple[str, Any]]:
    groups = resolver.document.get("components")
    for group, members in groups.items() if isinstance(groups, dict) else ():
        for name, value in members.items() if isinstance(members, dict) else ():
            yield join("/components", group, name), value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield unquote(reference.removeprefix("#"))
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)

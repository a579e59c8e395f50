"""Which place of a new document continues which place of an old one, renamed parts included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .canonical import join, resolve, same
from .page import Document

_EXAMPLES: Final = frozenset({"example", "examples", "name", "operationId"})
"""Keys that do not decide whether one part continues another."""


def align(old: Document, new: Document) -> dict[str, str]:
    """The pointers of the old document that the new one continues, each with its new pointer.

    A key that is gone is paired with a new one in the same mapping if their values agree in schema, description and
    ``required``, or if they are the only two and agree in one of them. References are followed.
    """
    pointers: dict[str, str] = {}
    _align(old, "", new, "", (old, new), pointers)
    return pointers


def _align(
    left: Any, old: str, right: Any, new: str, documents: tuple[Document, Document], found: dict[str, str]
) -> None:
    if old in found:
        return
    found[old] = new
    for key, other in _pairs(left, right, documents):
        _align(left[key], join(old, key), right[other], join(new, other), documents, found)
    if _is_reference(left) and _is_reference(right):
        places = left["$ref"][1:], right["$ref"][1:]
        targets = [resolve(document, place) for document, place in zip(documents, places, strict=True)]
        _align(targets[0], places[0], targets[1], places[1], documents, found)


def _pairs(left: Any, right: Any, documents: tuple[Document, Document]) -> Iterator[tuple[Any, Any]]:
    """The keys or indices of two values that belong together."""
    if isinstance(left, dict) and isinstance(right, dict):
        yield from ((key, key) for key in left if key in right)
        gone, added = [key for key in left if key not in right], [key for key in right if key not in left]
        yield from _renamed({key: left[key] for key in gone}, {key: right[key] for key in added}, documents)
    elif isinstance(left, list) and isinstance(right, list):
        own = {_name(item, documents[0], at): at for at, item in enumerate(left)}
        other = {_name(item, documents[1], at): at for at, item in enumerate(right)}
        yield from ((own[name], other[name]) for name in own if name in other)
        rest = {at: left[at] for name, at in own.items() if name not in other}
        yield from _renamed(rest, {at: right[at] for name, at in other.items() if name not in own}, documents)


def _name(item: Any, document: Document, index: int) -> Any:
    """What identifies an item of a list: the name and place of a parameter, the text of a value, or else its index."""
    item = _target(item, document)
    if isinstance(item, dict):
        return (item["name"], item.get("in")) if "name" in item else index
    return str(item)


def _renamed(
    gone: dict[Any, Any], added: dict[Any, Any], documents: tuple[Document, Document]
) -> Iterator[tuple[Any, Any]]:
    """The gone keys with the new ones that continue them."""
    old = {key: _target(value, documents[0]) for key, value in gone.items()}
    new = {key: _target(value, documents[1]) for key, value in added.items()}
    for key, value in old.items():
        matches = [other for other, candidate in new.items() if _agree(value, candidate, all)]
        if not matches and len(old) == len(new) == 1:
            matches = [other for other, candidate in new.items() if _agree(value, candidate, any)]
        if len(matches) == 1:
            new.pop(matches[0])
            yield key, matches[0]


def _agree(left: Any, right: Any, quantifier: Any) -> bool:
    """Whether two values agree in all, or any, of description and the rest."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    described = [value.get("description") for value in (left, right)]
    rest = [
        {key: item for key, item in value.items() if key not in _EXAMPLES | {"description"}} for value in (left, right)
    ]
    return bool(quantifier([described[0] == described[1], same(*rest)]))


def _target(value: Any, document: Document) -> Any:
    return resolve(document, value["$ref"][1:]) if _is_reference(value) else value


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("$ref"), str) and value["$ref"].startswith("#")

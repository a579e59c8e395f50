"""Which place of a new document continues which place of an old one, renamed parts included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from .canonical import join, resolve
from .page import Document
from .renames import renames

Pairs: TypeAlias = frozenset[tuple[str, str]]


def align(old: Document, new: Document) -> dict[str, str]:
    """The pointers of the old document that the new one continues, each with its new pointer.

    References are followed. A part that is gone is continued by the one that `renames` pairs it with.
    """
    pairs = frozenset(rename.pointers for rename in renames(old, new))
    pointers: dict[str, str] = {}
    _align((old, ""), (new, ""), (old, new), pairs, pointers)
    return pointers


def _align(
    left: tuple[Any, str],
    right: tuple[Any, str],
    documents: tuple[Document, Document],
    renamed: Pairs,
    found: dict[str, str],
) -> None:
    (value, old), (other, new) = left, right
    if old in found:
        return
    found[old] = new
    for key, match in _matches(left, right, documents, renamed):
        _align((value[key], join(old, key)), (other[match], join(new, match)), documents, renamed, found)
    if _is_reference(value) and _is_reference(other):
        places = value["$ref"][1:], other["$ref"][1:]
        targets = [resolve(document, place) for document, place in zip(documents, places, strict=True)]
        _align((targets[0], places[0]), (targets[1], places[1]), documents, renamed, found)


def _matches(
    left: tuple[Any, str], right: tuple[Any, str], documents: tuple[Document, Document], renamed: Pairs
) -> Iterator[tuple[Any, Any]]:
    """The keys or indices of two values that belong together: those of one name, and those that were renamed."""
    keys = [_keys(value, document) for (value, _), document in zip((left, right), documents, strict=True)]
    yield from ((key, keys[1][name]) for name, key in keys[0].items() if name in keys[1])
    sides = ((*left, keys[0], keys[1]), (*right, keys[1], keys[0]))
    gone, added = (
        {_place(value, pointer, key): key for name, key in own.items() if name not in other}
        for value, pointer, own, other in sides
    )
    yield from ((gone[old], added[new]) for old, new in renamed if old in gone and new in added)


def _keys(value: Any, document: Document) -> dict[Any, Any]:
    """The keys of a mapping, or the indices of a list, by what identifies each."""
    if isinstance(value, dict):
        return {key: key for key in value}
    return {_name(item, document, at): at for at, item in enumerate(value)} if isinstance(value, list) else {}


def _name(item: Any, document: Document, index: int) -> Any:
    """What identifies an item of a list: the name and place of a parameter, the text of a value, or else its index."""
    item = resolve(document, item["$ref"][1:]) if _is_reference(item) else item
    if isinstance(item, dict):
        return (item["name"], item.get("in")) if "name" in item else index
    return str(item)


def _place(value: Any, pointer: str, key: Any) -> str:
    """The pointer of a part, or of what it refers to."""
    return str(value[key]["$ref"][1:]) if _is_reference(value[key]) else join(pointer, key)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("$ref"), str) and value["$ref"].startswith("#")

"""Merge the OpenAPI documents of several pages into one. Shared parts must agree; parts of a single page are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from ..errors import SpecError
from .canonical import canonical, differences, join, resolve, same
from .page import METHODS, Document, Part
from .yaml_syntax import dump

_Pieces: TypeAlias = list[tuple[str, Any]]
"""The value of each part at one place: (where the part was found, the value)."""

_Rule: TypeAlias = Callable[[str, _Pieces], Any]

_TOP: Final = (
    "openapi jsonSchemaDialect info externalDocs servers security tags paths webhooks components".split()  # noqa: SIM905
)

_HEADER: Final = "# Extracted from the pages in spec/upstream/ by `nox -s update_spec`. Never edit it.\n"


def merge(parts: Iterable[Part]) -> Document:
    """Merge the documents of one or more parts; the order in which they come does not matter.

    Equal pieces become one. Each of these is a `SpecError` that names the parts and the place: different values at one
    place, a server or security requirement that only some parts have, one path with two names for its parameter, two
    operations with one operationId, and a reference without a target. One page may name the parameter of a path in two ways.
    """
    ordered = sorted(parts, key=lambda part: (part.where, canonical(part.document)))
    if not ordered:
        raise SpecError("spec/upstream", "has no page")
    pieces: _Pieces = [(part.where, part.document) for part in ordered]
    merged: Document = {}
    for key in sorted({key for part in ordered for key in part.document}, key=_rank):
        rule = _RULES.get(key, _same)
        stated = [(where, value[key]) for where, value in pieces if key in value]
        if key in _STATED_BY_ALL:
            _check_stated_by_all(join("", key), pieces, key)
        merged[key] = rule(join("", key), stated)
    names = " and ".join(part.where for part in ordered)
    _check_paths(ordered)
    _check_operation_ids(names, merged)
    check_references(names, merged)
    return merged


def render(document: Document) -> bytes:
    """The YAML file of a merged document. Equal documents in equal order give equal bytes."""
    return (_HEADER + dump(document)).encode()


def check_references(where: str, document: Document) -> None:
    """Raise `SpecError` for a reference whose target is outside of the document or missing in it."""
    for pointer, target in _references(document, ""):
        if not target.startswith("#"):
            raise SpecError(where, f"{pointer} refers to {target}, outside of the document")
        try:
            resolve(document, target[1:].replace("%7B", "{").replace("%7D", "}"))
        except LookupError:
            raise SpecError(where, f"{pointer} refers to {target}, which does not exist") from None


def _references(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                yield pointer, item
            elif key not in {"example", "examples", "default", "enum", "const"}:  # data, not references
                yield from _references(item, join(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, join(pointer, index))


def _rank(key: str) -> tuple[int, str]:
    return (_TOP.index(key) if key in _TOP else len(_TOP), key)


def _same(pointer: str, pieces: _Pieces) -> Any:
    where, value = pieces[0]
    for other_where, other in pieces[1:]:
        if not same(value, other):
            place, old, new = next(differences(value, other, pointer))
            raise SpecError(f"{where} and {other_where}", f"differ at {place}: {_short(old)} against {_short(new)}")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check_stated_by_all(pointer: str, pieces: _Pieces, key: str) -> None:
    """A setting of a whole document must not be applied to the operations of another page."""
    having = [where for where, value in pieces if key in value]
    lacking = [where for where, value in pieces if key not in value]
    if having and lacking:
        raise SpecError(f"{having[0]} and {lacking[0]}", f"differ at {pointer}: only the first has it")


def _by_key(rule: _Rule, *, ordered: bool = False, stated_by_all: frozenset[str] = frozenset()) -> _Rule:
    """A rule for mappings: the union of their keys, each merged by ``rule``; sorted, or in order of appearance."""

    def merged(pointer: str, pieces: _Pieces) -> Any:
        if not all(isinstance(value, dict) for _, value in pieces):
            return _same(pointer, pieces)
        keys = list(dict.fromkeys(key for _, value in pieces for key in value))
        result = {}
        for key in sorted(keys) if ordered else keys:
            if key in stated_by_all:
                _check_stated_by_all(join(pointer, key), pieces, key)
            result[key] = rule(join(pointer, key), [(where, value[key]) for where, value in pieces if key in value])
        return result

    return merged


def _tags(pointer: str, pieces: _Pieces) -> Any:
    """Tags are a list whose items are identified by name."""
    named: dict[str, _Pieces] = {}
    for where, tags in pieces:
        for tag in tags if isinstance(tags, list) else [tags]:
            if not isinstance(tag, dict) or not isinstance(tag.get("name"), str):
                raise SpecError(where, f"{pointer} has a tag without a name")
            named.setdefault(tag["name"], []).append((where, tag))
    return [_same(join(pointer, name), named[name]) for name in sorted(named)]


_PATHS: Final = _by_key(_by_key(_same, stated_by_all=frozenset({"parameters", "servers"})), ordered=True)
_STATED_BY_ALL: Final = {"servers", "security", "jsonSchemaDialect"}
_RULES: Final[dict[str, _Rule]] = {
    "info": _by_key(_same),
    "tags": _tags,
    "paths": _PATHS,
    "webhooks": _PATHS,
    "components": _by_key(_by_key(_same, ordered=True), ordered=True),
}


def _check_paths(parts: list[Part]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for part in parts:
        for path in part.document["paths"]:
            where, known = seen.setdefault(re.sub(r"\{[^}]*\}", "{}", path), (part.where, path))
            if known != path and where != part.where:
                raise SpecError(
                    f"{where} and {part.where}",
                    f"have the same path with different parameter names: {known} and {path}",
                )


def _check_operation_ids(where: str, document: Document) -> None:
    seen: dict[str, str] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            name = operation.get("operationId") if isinstance(operation, dict) else None
            if not isinstance(name, str):
                continue
            place = f"{method.upper()} {path}"
            if seen.setdefault(name, place) != place:
                raise SpecError(where, f"{seen[name]} and {place} have the same operationId {name}")

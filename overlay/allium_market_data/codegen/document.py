"""One OpenAPI document out of those of several pages: what they share must agree, what only one has is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from ..errors import SpecError
from .canonical import canonical, differences, join, resolve, same
from .page import METHODS, Document, Part
from .yaml_syntax import dump

_Pieces: TypeAlias = list[tuple[str, Any]]
"""What each part says about one place: (where the part stands, the value)."""

_Rule: TypeAlias = Callable[[str, _Pieces], Any]

_TOP: Final = (
    "openapi jsonSchemaDialect info externalDocs servers security tags paths webhooks components".split()  # noqa: SIM905
)

_HEADER: Final = "# Extracted from the pages in spec/upstream/ by `nox -s update_spec`. Never edit it.\n"


def merge(parts: Iterable[Part]) -> Document:
    """Merge the documents of one or more parts; the order in which they come does not matter.

    Equal pieces become one. Different pieces in the same place, a server or a security requirement that only some parts
    state, the same path under two names of its parameter, one operationId for two operations, and a reference to
    nothing are each a `SpecError` that names the parts and the place.
    """
    ordered = sorted(parts, key=lambda part: (part.where, canonical(part.document)))
    if not ordered:
        raise SpecError("spec/upstream", "there is no page to read")
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
    """The YAML file of a merged document; equal documents in equal order give equal bytes."""
    return (_HEADER + dump(document)).encode()


def check_references(where: str, document: Document) -> None:
    """Raise `SpecError` for a reference that leads out of the document or to nothing in it."""
    for pointer, target in _references(document, ""):
        if not target.startswith("#"):
            raise SpecError(where, f"{pointer} refers to {target}, outside of the document")
        try:
            resolve(document, target[1:].replace("%7B", "{").replace("%7D", "}"))
        except LookupError:
            raise SpecError(where, f"{pointer} refers to {target}, which is not there") from None


def _references(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                yield pointer, item
            elif key not in {"example", "examples", "default", "enum", "const"}:  # these hold data, not references
                yield from _references(item, join(pointer, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _references(item, join(pointer, at))


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
    """A thing that holds for a whole document must not come to hold for another page's operations."""
    having = [where for where, value in pieces if key in value]
    lacking = [where for where, value in pieces if key not in value]
    if having and lacking:
        raise SpecError(f"{having[0]} and {lacking[0]}", f"differ at {pointer}: only the first states it")


def _by_key(rule: _Rule, *, ordered: bool = False, stated_by_all: frozenset[str] = frozenset()) -> _Rule:
    """A rule for mappings: their keys together, each merged by ``rule``; sorted, or as first seen."""

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
    """Tags are a list, yet each is known by its name."""
    named: dict[str, _Pieces] = {}
    for where, tags in pieces:
        for tag in tags if isinstance(tags, list) else [tags]:
            if not isinstance(tag, dict) or not isinstance(tag.get("name"), str):
                raise SpecError(where, f"{pointer} holds a tag without a name")
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
            if known != path:
                raise SpecError(f"{where} and {part.where}", f"have one path under two names: {known} and {path}")


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

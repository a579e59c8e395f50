"""What has another name in a new document and is otherwise the same: paths, parameters, fields and headers.

Two parts are one under two names if they are in the same place of the same operation, both are required or both optional,
their schemas allow the same, and their names or descriptions agree. Where two candidates are equally good there is no rename.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias, TypeVar

from .canonical import canonical, join
from .document_parts import Node, Part, headers, members, parameters, shape
from .page import METHODS, Document

Kind: TypeAlias = Literal["path", "parameter", "field", "header"]

_T = TypeVar("_T")
_Pair: TypeAlias = tuple[Node, Node]
_Strength: TypeAlias = tuple[float, float]

_RICH: Final = frozenset({"enum", "const", "pattern", "format", "minimum", "maximum", "default", "example", "examples"})
_SIMILAR_NAMES: Final = 0.6
_SIMILAR_TEXTS: Final = 0.85
_SIMILAR_PATHS: Final = 0.75
_NONE: Final = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Rename:
    """One part under two names.

    ``where`` says in words what contains it: ``query of GET /markets``, ``response 200 of GET /markets: items[]``.
    ``pointers`` are JSON pointers to the part in the old and in the new document, with references followed.
    """

    kind: Kind
    where: str
    old: str
    new: str
    pointers: tuple[str, str]


def renames(old: Document, new: Document) -> list[Rename]:
    """Every rename between two documents, each once, in the order of the old document."""
    found = {(each.kind, each.pointers): each for each in _Comparison(old, new).renames()}
    return list(found.values())


class _Comparison:
    def __init__(self, old: Document, new: Document) -> None:
        self.roots = (Node(old, old, ""), Node(new, new, ""))
        self.visited: set[tuple[str, str]] = set()

    def renames(self) -> Iterator[Rename]:
        before, after = (root.child("paths").children() for root in self.roots)
        for path, other in _paired_paths(before, after):
            old, new = before[path], after[other]
            if path != other:
                yield Rename("path", "paths", path, other, (join("/paths", path), join("/paths", other)))
                yield from _path_parameters(path, other, (old, new))
            for method in METHODS:
                if method in old.value and method in new.value:
                    yield from self._operation(f"{method.upper()} {path}", (old, new), method)
        for name, scheme in self.roots[0].child("components", "securitySchemes").children().items():
            yield from _key_rename(name, scheme, self.roots[1].child("components", "securitySchemes", name))

    def _operation(self, name: str, items: _Pair, method: str) -> Iterator[Rename]:
        before, after = (parameters(item, item.child(method)) for item in items)
        for place in ("query", "header", "cookie"):
            sides = [{part.name: part for (at, _), part in side.items() if at == place} for side in (before, after)]
            yield from _matched("parameter", f"{place} of {name}", sides[0], sides[1])
        for key in [key for key in before if key in after]:
            yield from self._fields(f"{key[0]} {key[1]} of {name}", (before[key].schema, after[key].schema), "")
        old, new = (item.child(method) for item in items)
        bodies = (old.child("requestBody", "content"), new.child("requestBody", "content"))
        yield from self._content(f"request body of {name}", bodies)
        responses = new.child("responses").children()
        for status, response in old.child("responses").children().items():
            if status in responses:
                where, other = f"response {status} of {name}", responses[status]
                yield from _matched("header", where, headers(response), headers(other))
                yield from self._content(where, (response.child("content"), other.child("content")))

    def _content(self, where: str, contents: _Pair) -> Iterator[Rename]:
        for media in contents[0].children():
            if isinstance(contents[1].value, dict) and media in contents[1].value:
                schemas = (contents[0].child(media, "schema"), contents[1].child(media, "schema"))
                yield from self._fields(where, schemas, "")

    def _fields(self, where: str, schemas: _Pair, path: str) -> Iterator[Rename]:
        pointers = (schemas[0].pointer, schemas[1].pointer)
        if pointers in self.visited or not all(isinstance(schema.value, dict) and schema.value for schema in schemas):
            return
        self.visited.add(pointers)
        before, after = (members(schema, set()) for schema in schemas)
        found = [*_matched("field", f"{where}: {path}" if path else where, before, after)]
        yield from found
        known = {each.old: each.new for each in found}
        for name, part in before.items():
            other = after.get(known.get(name, name))
            if other is not None:
                yield from self._fields(where, (part.schema, other.schema), f"{path}.{name}".lstrip("."))
        for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
            yield from self._fields(where, (schemas[0].child(key), schemas[1].child(key)), path + suffix)
        for key in ("anyOf", "oneOf"):
            branches = [schema.child(key) for schema in schemas]
            sizes = {len(side.value) if isinstance(side.value, list) else 0 for side in branches}
            if len(sizes) == 1:
                for at in range(sizes.pop()):
                    yield from self._fields(where, (branches[0].child(at), branches[1].child(at)), path)


def _matched(kind: Kind, where: str, before: Mapping[str, Part], after: Mapping[str, Part]) -> Iterator[Rename]:
    """The renames among the parts that only one side has."""
    gone = [part for name, part in before.items() if name not in after]
    added = [part for name, part in after.items() if name not in before]
    for old, new in _best_pairs(gone, added, _strength):
        yield Rename(kind, where, old.name, new.name, (old.node.pointer, new.node.pointer))


def _strength(old: Part, new: Part) -> _Strength:
    """How sure it is that two parts are one, then how similar their names are; (0, 0) if they are taken for two."""
    if old.required != new.required or shape(old.schema) != shape(new.schema) or not _share_members(old, new):
        return _NONE
    similarity = _name_similarity(old.name, new.name)
    before, after = _folded(old.description), _folded(new.description)
    if similarity == 1:
        return 4, 1
    if before and before == after:
        return 3, similarity
    if before and after:
        return (2, similarity) if _are_alike(before, after) else _NONE
    if similarity >= _SIMILAR_NAMES:
        return 2, similarity
    return (1, similarity) if not before and not after and _is_same_example(old, new) else _NONE


def _share_members(old: Part, new: Part) -> bool:
    """Whether two objects have at least half of their members in common; true for other values."""
    before, after = (members(part.schema, set()).keys() for part in (old, new))
    return 2 * len(before & after) >= len(before | after)


def _best_pairs(gone: list[_T], added: list[_T], strength: Callable[[_T, _T], _Strength]) -> Iterator[tuple[_T, _T]]:
    """The pairs each of whose sides is the only best counterpart of the other."""
    scores = {(i, j): strength(old, new) for i, old in enumerate(gone) for j, new in enumerate(added)}
    scores = {pair: score for pair, score in scores.items() if score > _NONE}
    rows: dict[int, list[tuple[_Strength, int]]] = {}
    columns: dict[int, list[tuple[_Strength, int]]] = {}
    for (i, j), score in scores.items():
        rows.setdefault(i, []).append((score, j))
        columns.setdefault(j, []).append((score, i))
    for i, candidates in rows.items():
        best = _only_best(candidates)
        if best is not None and _only_best(columns[best]) == i:
            yield gone[i], added[best]


def _only_best(candidates: list[tuple[_Strength, int]]) -> int | None:
    best = max(score for score, _ in candidates)
    winners = [at for score, at in candidates if score == best]
    return winners[0] if len(winners) == 1 else None


# --- Paths ---


def _paired_paths(before: Mapping[str, Node], after: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """The paths of the old document, each with the same path in the new one or the one that it became."""
    by_template = {_template(path): path for path in after}
    pairs = {path: path if path in after else by_template.get(_template(path), "") for path in before}
    gone = [(path, _features(before[path])) for path, other in pairs.items() if not other]
    kept = set(pairs.values())
    added = [(path, _features(item)) for path, item in after.items() if path not in kept]
    pairs |= {old[0]: new[0] for old, new in _best_pairs(gone, added, _path_strength)}
    return ((path, other) for path, other in pairs.items() if other)


def _path_strength(old: tuple[str, frozenset[str]], new: tuple[str, frozenset[str]]) -> _Strength:
    common = len(old[1] & new[1]) / (len(old[1] | new[1]) or 1)
    if common < _SIMILAR_PATHS:
        return _NONE
    return common, SequenceMatcher(None, old[0], new[0], autojunk=False).ratio()


def _template(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _features(item: Node) -> frozenset[str]:
    """What a path item says, apart from its path, in comparable pieces."""
    features = set()
    for method in METHODS:
        if isinstance(item.value, dict) and method in item.value:
            operation = item.child(method)
            for key in ("operationId", "summary", "description"):
                features.add(f"{method} {key} {operation.child(key).value}")
            features |= {f"{method} {place} {name}" for place, name in parameters(item, operation)}
            for status, response in operation.child("responses").children().items():
                content = response.value.get("content") if isinstance(response.value, dict) else None
                features.add(f"{method} {status} {canonical(content)}")
    return frozenset(features)


def _path_parameters(path: str, other: str, items: _Pair) -> Iterator[Rename]:
    """Path parameters are identified by their position."""
    names = zip(re.findall(r"\{([^}]*)\}", path), re.findall(r"\{([^}]*)\}", other), strict=False)
    for was, now in names:
        if was != now:
            yield Rename("parameter", f"path {path}", was, now, _path_pointers(items, was, now))


def _path_pointers(items: _Pair, was: str, now: str) -> tuple[str, str]:
    pointers = []
    for item, name in zip(items, (was, now), strict=True):
        every = (parameters(item, item.child(method)) for method in METHODS if method in item.value)
        stated = (parameters[("path", name)] for parameters in every if ("path", name) in parameters)
        pointers.append(next((part.node.pointer for part in stated), item.pointer))
    return pointers[0], pointers[1]


def _key_rename(name: str, old: Node, new: Node) -> Iterator[Rename]:
    """The header, query parameter or cookie of an API key."""
    if not all(isinstance(side.value, dict) and side.value.get("type") == "apiKey" for side in (old, new)):
        return
    was, now = (str(side.value.get("name", "")) for side in (old, new))
    if was != now and old.value.get("in") == new.value.get("in"):
        kind: Kind = "header" if old.value.get("in") == "header" else "parameter"
        yield Rename(kind, f"API key of the scheme {name}", was, now, (old.pointer, new.pointer))


# --- Names and texts ---


def _words(name: str) -> list[str]:
    """The words of a name in any style: startTime, start-time, X-Start_Time."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+", name)]


def _name_similarity(old: str, new: str) -> float:
    before, after = _words(old), _words(new)
    if before and ("".join(before) == "".join(after) or sorted(before) == sorted(after)):
        return 1.0
    return SequenceMatcher(None, "".join(before), "".join(after), autojunk=False).ratio()


def _folded(text: str) -> str:
    return " ".join(re.findall(r"[\w.]+", text.casefold().replace(". ", " "))).rstrip(".")


def _are_alike(before: str, after: str) -> bool:
    """Whether two descriptions say nearly the same, with the same numbers."""
    numbers = [sorted(re.findall(r"\d[\d.]*", text)) for text in (before, after)]
    words = before.split(), after.split()
    return numbers[0] == numbers[1] and SequenceMatcher(None, *words, autojunk=False).ratio() >= _SIMILAR_TEXTS


def _is_same_example(old: Part, new: Part) -> bool:
    """Whether two parts without descriptions have a schema that is more than a type, or an example, in common."""
    return bool(_rich(old)) and _rich(old) == _rich(new)


def _rich(part: Part) -> list[str]:
    stated = (value for value in (part.node.value, part.schema.value) if isinstance(value, dict))
    return sorted({canonical(item) for value in stated for item in value.items() if item[0] in _RICH})

"""Our patches to the published document: an OpenAPI Overlay 1.0 document, applied by oas-patch and checked.

oas-patch silently ignores an action whose target does not exist. So the targets of each action are looked up here first,
and its result is compared with the one that the Overlay standard defines.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import SpecError
from .canonical import differences, join, resolve, same
from .page import Document
from .yaml_syntax import parse

OVERLAY: Final = "spec/overlay.yaml"

_VERSION: Final = re.compile(r"1\.0\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Action:
    """A patch: a JSONPath, the reason for it, and the value to merge into each target (None removes the target)."""

    target: str
    reason: str
    update: Any

    @property
    def removes(self) -> bool:
        """True if it removes its targets."""
        return self.update is None


@dataclass(frozen=True, slots=True)
class Applied:
    """An applied patch, and the JSON pointers of its targets."""

    action: Action
    places: tuple[str, ...]


def read(text: str, *, where: str = OVERLAY) -> tuple[Action, ...]:
    """The actions of an overlay document. Raises `SpecError` if it is not one, or if an action has no reason."""
    overlay = parse(text, where=where)
    if not isinstance(overlay, dict) or not _VERSION.fullmatch(str(overlay.get("overlay"))):
        raise SpecError(where, "not an OpenAPI Overlay 1.0 document")
    info = overlay.get("info")
    if not isinstance(info, dict) or not {"title", "version"} <= info.keys():
        raise SpecError(where, "an overlay needs `info` with a title and a version")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise SpecError(where, "an overlay needs at least one action")
    return tuple(_action(f"{where}, action {number}", action) for number, action in enumerate(actions, 1))


def _action(where: str, raw: Any) -> Action:
    if not isinstance(raw, dict):
        raise SpecError(where, "is not a mapping")
    unknown = sorted(key for key in raw.keys() - {"target", "description", "update", "remove"} if key[:2] != "x-")
    if unknown:
        raise SpecError(where, f"has the unknown key {unknown[0]!r}")
    target, reason = raw.get("target"), raw.get("description")
    if not isinstance(target, str) or not target.startswith("$"):
        raise SpecError(where, "needs a `target`, a JSONPath that begins with $")
    if not isinstance(reason, str) or not reason.strip():
        raise SpecError(where, f"needs a `description` that says why {target} is patched")
    removes = raw.get("remove") is True
    if removes == (raw.get("update") is not None):
        raise SpecError(where, f"needs either `update` or `remove: true` for {target}")
    return Action(target, " ".join(reason.split()), None if removes else raw["update"])


def apply(
    document: Document, actions: tuple[Action, ...], *, where: str = OVERLAY
) -> tuple[Document, tuple[Applied, ...]]:
    """Apply the actions in order to a copy of a document; return the patched document and the targets of each action.

    Raises `SpecError`, with the number, target and reason of the action, for a target that matches nothing, an action
    that changes nothing, one that would replace a value (remove that first, in another action), and a result that is not
    the one that the standard defines.
    """
    patched = copy.deepcopy(document)
    applied = []
    for number, action in enumerate(actions, 1):
        try:
            patched, places = _apply(patched, action)
        except _FailedError as problem:
            reason = f"target {action.target} {problem} (why it is patched: {action.reason})"
            raise SpecError(f"{where}, action {number}", reason) from None
        applied.append(Applied(action, places))
    return patched, tuple(applied)


def pointers(document: Document, target: str) -> tuple[str, ...]:
    """The JSON pointers of what a JSONPath matches; none if it is not one."""
    try:
        return _matches(document, target)
    except _FailedError:
        return ()


class _FailedError(Exception):
    pass


def _apply(document: Document, action: Action) -> tuple[Document, tuple[str, ...]]:
    places = _matches(document, action.target)
    if not places:
        raise _FailedError("no longer matches anything")
    expected = copy.deepcopy(document)
    # Last place first, so that removing an item of a list does not move the others.
    for place in reversed(places):
        expected = _without(expected, place) if action.removes else _updated(expected, place, action.update)
    if same(expected, document):
        raise _FailedError("already has this value; the patch is no longer needed")
    result = _patched_by_tool(document, action)
    difference = next(differences(expected, result), None)
    if difference is not None:
        raise _FailedError(f"was patched incorrectly by oas-patch at {difference.pointer or 'the root'}")
    return result, places


def _matches(document: Document, target: str) -> tuple[str, ...]:
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext.parser import parse as parse_path

    try:
        matches = parse_path(target).find(document)
    except (JSONPathError, ValueError, TypeError, AttributeError) as problem:
        raise _FailedError(f"is not a JSONPath: {problem}") from None
    return tuple(dict.fromkeys(_pointer(match) for match in matches))


def _pointer(match: Any) -> str:
    if match.context is None:
        return ""
    path = match.path
    token = path.fields[0] if hasattr(path, "fields") else path.indices[0]
    return join(_pointer(match.context), token)


def _patched_by_tool(document: Document, action: Action) -> Document:
    change: Mapping[str, Any] = {"remove": True} if action.removes else {"update": copy.deepcopy(action.update)}
    try:
        result: Document = _tool()(copy.deepcopy(document), {"actions": [{"target": action.target, **change}]})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        raise _FailedError(f"cannot be patched by oas-patch: {problem}") from None
    return result


@functools.cache
def _tool() -> Callable[[Document, Any], Document]:
    """The function of oas-patch, loaded without its package, which imports deepdiff and with it pandas and polars."""
    package = importlib.util.find_spec("oas_patch")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("oas-patch is not installed")
    file = Path(package.submodule_search_locations[0], "overlay.py")
    spec = importlib.util.spec_from_file_location("oas_patch_overlay", file)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the name ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Document, Any], Document] = module.apply_overlay
    return function


def _updated(document: Any, place: str, update: Any) -> Any:
    merged = _merged(resolve(document, place), update, place)
    if not place:
        return merged
    holder, key = _holder(document, place)
    holder[key] = merged
    return document


def _without(document: Any, place: str) -> Any:
    if not place:
        raise _FailedError("is the whole document, which cannot be removed")
    holder, key = _holder(document, place)
    del holder[key]
    return document


def _holder(document: Any, place: str) -> tuple[Any, Any]:
    parent, _, raw = place.rpartition("/")
    holder = resolve(document, parent)
    token = raw.replace("~1", "/").replace("~0", "~")
    return holder, int(token) if isinstance(holder, list) else token


def _merged(value: Any, update: Any, place: str) -> Any:
    """A value updated as the Overlay standard defines: mappings are merged, lists are extended, nothing is replaced."""
    if isinstance(value, dict) and isinstance(update, dict):
        result = dict(value)
        for key, item in update.items():
            result[key] = _merged(value[key], item, join(place, key)) if key in value else copy.deepcopy(item)
        return result
    if isinstance(value, list):
        return [*value, *(update if isinstance(update, list) else [update])]
    if not same(value, update):
        raise _FailedError(f"would replace {value!r} at {place} by {update!r}")
    return value

"""What changed, in one sentence of plain English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...codegen.canonical import canonical

_NOUNS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "multipleOf": "step",
    "minLength": "minimum length",
    "maxLength": "maximum length",
    "pattern": "pattern",
    "format": "format",
    "minItems": "minimum number of items",
    "maxItems": "maximum number of items",
    "minProperties": "minimum number of members",
    "maxProperties": "maximum number of members",
    "default": "default",
}


def path_text(path: Sequence[str | int]) -> str:
    """The way to a value inside a body: ``items[].oi_base``; "" for the body itself."""
    text = ""
    steps = iter(path)
    for step in steps:
        if step in {"properties", "patternProperties"}:
            text += ("." if text else "") + str(next(steps, ""))
        elif step == "items":
            text += "[]"
        elif step == "prefixItems":
            text += f"[{next(steps, '')}]"
        elif step == "additionalProperties":
            text += ".*" if text else "*"
    return text


def said(value: Any) -> str:
    """A value as a sentence shows it."""
    if value is None:
        return "none"
    if isinstance(value, dict) and set(value) == {"exclusive"}:
        return f"{value['exclusive']} (itself excluded)"
    text = canonical(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listed(values: Sequence[Any]) -> str:
    """Values as a list in words."""
    shown = ["null" if value is None else said(value) for value in values[:6]] + (["others"] if len(values) > 6 else [])
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def schema_sentence(side: str, thing: str, keyword: str, old: Any, new: Any) -> str:
    """What a keyword of a schema says now; ``side`` is ``request`` or ``answer``, ``thing`` names the value."""
    if keyword in _NOUNS:
        return f"The {_NOUNS[keyword]} of {_inner(thing)} was {said(old)}, and is {said(new)} now."
    if keyword == "type":
        return f"{thing} was {_types(old)}, and is {_types(new)} now."
    if keyword == "enum":
        return _enum(thing, old, new)
    if keyword == "required":
        return _required(side, thing, old, new)
    others = {
        "uniqueItems": f"{thing} {'may hold equal items now' if old else 'may no longer hold equal items'}.",
        "additionalProperties": f"{thing} may {'no longer ' if new is False else ''}have members that are not named.",
        "properties": f"{thing} {'is no longer known' if old else 'is new'}.",
        "readOnly": f"{thing} {'may no longer be sent' if new else 'may be sent now'}.",
        "anyOf": f"The forms that {_inner(thing)} may have are others now.",
        "oneOf": f"The forms that {_inner(thing)} may have are others now.",
    }
    return others.get(keyword, f"{thing} is described by other conditions now ({keyword}).")


def _inner(thing: str) -> str:
    return thing[0].lower() + thing[1:]


def _types(types: Any) -> str:
    return "of any type" if types is None else "nothing at all" if types == [] else " or ".join(types)


def _enum(thing: str, old: Any, new: Any) -> str:
    before, after = ([] if side is None else side for side in (old, new))
    if old is None or new is None:
        limited = after if old is None else before
        return f"{thing} {'may only be' if old is None else 'is no longer limited to'} {listed(limited)}{' now' * (old is None)}."
    known, wanted = ({canonical(value) for value in side} for side in (before, after))
    added = [value for value in after if canonical(value) not in known]
    removed = [value for value in before if canonical(value) not in wanted]
    parts = ([f"may now also be {listed(added)}"] if added else []) + (
        [f"may no longer be {listed(removed)}"] if removed else []
    )
    return f"{thing} {', and '.join(parts) or 'has other values'}."


def _required(side: str, thing: str, old: Any, new: Any) -> str:
    if side == "request":
        return f"{thing} {'may be left out now' if old else 'must be sent now'}."
    return f"{thing} {'is gone' if new is None else 'may be missing now' if old else 'is always there now'}."

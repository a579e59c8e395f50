"""What changed in a schema, in one English sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...codegen.canonical import canonical
from ..schema.schema import Path

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


def path_text(path: Path) -> str:
    """The path to a value inside a body, such as ``items[].oi_base``; "" for the body itself."""
    text = ""
    steps = iter(path)
    for step in steps:
        if step in {"properties", "patternProperties"}:
            text += ("." if text else "") + str(next(steps, ""))
        elif step == "items":
            text += "[]"
        elif step in {"anyOf", "oneOf"}:
            text += f"({next(steps, '')})"
        elif step == "prefixItems":
            text += f"[{next(steps, '')}]"
        elif step == "additionalProperties":
            text += ".*" if text else "*"
    return text


def field_name(path: Path, owner: str) -> str:
    """What a sentence calls a part of a body or a value; the owner itself if the path is empty."""
    text = path_text(path)
    if not text.endswith("[]"):
        return f"the field {text} of {owner}" if text else owner
    return f"each item of {text[:-2]} of {owner}" if text != "[]" else f"each item of {owner}"


def format_value(value: Any) -> str:
    """A value as a sentence shows it."""
    if value is None:
        return "none"
    if isinstance(value, dict) and set(value) == {"exclusive"}:
        return f"{value['exclusive']} (exclusive)"
    text = canonical(value)
    return text if len(text) <= 80 else text[:77] + "..."


def format_list(values: Sequence[Any]) -> str:
    """Values as a list in words."""
    if not values:
        return "no value"
    shown = ["null" if value is None else format_value(value) for value in values[:6]]
    shown += ["others"] if len(values) > 6 else []
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def schema_sentence(side: str, thing: str, keyword: str, old: Any, new: Any) -> str:
    """What changed in a keyword of a schema.

    ``side`` is ``request`` or ``response``; ``thing`` names the value, at the start of a sentence.
    """
    inner = thing[0].lower() + thing[1:]
    if keyword in _NOUNS:
        return _noun_sentence(thing, inner, _NOUNS[keyword], old, new)
    if keyword == "enum":
        return _enum_sentence(thing, old, new)
    if keyword == "type":
        return f"The type of {inner} changed from {_types(old)} to {_types(new)}."
    if keyword == "required":
        return _required_sentence(side, thing, old, new)
    sentences = {
        "uniqueItems": f"{thing} {'may now' if old else 'may no longer'} hold equal items.",
        "additionalProperties": f"{thing} {'may no longer' if new is False else 'may now'} have members that are not named.",
        "properties": f"{thing} {'is no longer known' if old else 'is new'}.",
        "readOnly": f"{thing} {'may no longer' if new else 'may now'} be sent.",
        "anyOf": f"The alternatives for {inner} changed.",
        "oneOf": f"The alternatives for {inner} changed.",
    }
    return sentences.get(keyword, f"The condition {keyword} of {inner} changed.")


def _noun_sentence(thing: str, inner: str, noun: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{thing} now has the {noun} {format_value(new)}."
    if new is None:
        return f"{thing} no longer has the {noun} {format_value(old)}."
    return f"The {noun} of {inner} changed from {format_value(old)} to {format_value(new)}."


def _types(types: Any) -> str:
    return "any" if types is None else "none" if types == [] else " or ".join(types)


def _enum_sentence(thing: str, old: Any, new: Any) -> str:
    """Either side may have no list of values, or an empty one."""
    if old is None and new is None:
        return f"{thing} has other values."
    if old is None:
        return f"{thing} is now limited to {format_list(new)}."
    if new is None:
        return f"{thing} is no longer limited to {format_list(old)}."
    known, allowed = ({canonical(value) for value in side} for side in (old, new))
    added = [value for value in new if canonical(value) not in known]
    removed = [value for value in old if canonical(value) not in allowed]
    parts = [f"may now also be {format_list(added)}"] if added else []
    parts += [f"may no longer be {format_list(removed)}"] if removed else []
    return f"{thing} {', and '.join(parts) or 'has other values'}."


def _required_sentence(side: str, thing: str, old: Any, new: Any) -> str:
    if side == "request":
        return f"{thing} {'may now be left out' if old else 'must now be sent'}."
    return f"{thing} {'was removed' if new is None else 'may now be missing' if old else 'is now always present'}."

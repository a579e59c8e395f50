"""Whether one value is allowed by a schema: yes, no, or None for what cannot be told."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Final

from ...codegen.canonical import canonical
from .constraints import Constraints, Group, compiled, type_of
from .schema import Schema

_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*")
_FREE: Final = frozenset({"password", "byte", "binary", "float", "double", "decimal", "int32", "int64"})
"""Formats that refuse no value of their type."""


def accepts(node: Schema, value: Any, side: str = "") -> bool | None:
    """Whether a node allows a value. ``side`` is ``request`` or ``answer`` where readOnly or writeOnly count."""
    facts = node.constraints
    if facts.enum is not None and canonical(value) not in facts.enum:
        return False
    kind = type_of(value)
    if kind not in facts.types:
        return False
    match value:
        case bool() | None:
            found: bool | None = True
        case str():
            found = _text(facts, value)
        case int() | float():
            found = _number(facts, value)
        case list():
            found = _array(node, facts, value, side)
        case _:
            found = _object(node, facts, value, side)
    parts = [found, *(_group(node, group, value, side) for group in facts.groups)]
    parts += [_opposite(accepts(node.alone(spot), value, side)) for spot in facts.nots]
    return _all([*parts, None if facts.opaque else True])


def is_hidden(node: Schema, side: str) -> bool:
    """Whether a member is left out of requests (readOnly) or of answers (writeOnly)."""
    return {"request": "readOnly", "response": "writeOnly"}.get(side, "") != "" and node.marked(
        "readOnly" if side == "request" else "writeOnly"
    )


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = set(parts)
    return False if False in found else None if None in found else True


def _opposite(found: bool | None) -> bool | None:
    return None if found is None else not found


def _group(node: Schema, group: Group, value: Any, side: str) -> bool | None:
    found = [accepts(node.alone(branch), value, side) for branch in group.branches]
    sure, unsure = found.count(True), found.count(None)
    if group.kind == "anyOf":
        return True if sure else None if unsure else False
    if sure > 1 or sure + unsure == 0:
        return False
    return True if sure == 1 and not unsure else None


def _text(facts: Constraints, value: str) -> bool | None:
    if len(value) < facts.min_length or (facts.max_length is not None and len(value) > facts.max_length):
        return False
    found: list[bool | None] = []
    for pattern in facts.patterns:
        regex = compiled(pattern)
        found.append(None if regex is None else regex.search(value) is not None)
    return _all([*found, *(fits(name, value) for name in facts.formats)])


def fits(name: str, value: str) -> bool | None:
    """Whether a text has a format; None for a format that is not known here."""
    patterns = {"date-time": _DATE_TIME, "email": _EMAIL, "uri": _URI}
    if name in patterns and not patterns[name].fullmatch(value):
        return False
    resolvers: dict[str, Callable[[str], object]] = {
        "date-time": dt.datetime.fromisoformat,
        "date": dt.date.fromisoformat,
        "uuid": uuid.UUID,
        "ipv4": ipaddress.IPv4Address,
        "ipv6": ipaddress.IPv6Address,
    }
    if name not in resolvers:
        return True if name in patterns or name in _FREE else None
    try:
        resolvers[name](value)
    except ValueError:
        return False
    return True


def _number(facts: Constraints, value: float) -> bool:
    exact = Fraction(str(value))
    if facts.lower is not None and (exact < facts.lower[0] or (facts.lower[1] and exact == facts.lower[0])):
        return False
    if facts.upper is not None and (exact > facts.upper[0] or (facts.upper[1] and exact == facts.upper[0])):
        return False
    return all((exact / multiple).denominator == 1 for multiple in facts.multiples if multiple)


def _array(node: Schema, facts: Constraints, value: list[Any], side: str) -> bool | None:
    if len(value) < facts.min_items or (facts.max_items is not None and len(value) > facts.max_items):
        return False
    if facts.unique and len({canonical(item) for item in value}) != len(value):
        return False
    return _all(accepts(node.item(at), item, side) for at, item in enumerate(value))


def _object(node: Schema, facts: Constraints, value: dict[str, Any], side: str) -> bool | None:
    if len(value) < facts.min_properties or (facts.max_properties is not None and len(value) > facts.max_properties):
        return False
    if any(name not in value and not is_hidden(node.member(name), side) for name in facts.required):
        return False
    return _all(accepts(node.member(name), item, side) for name, item in value.items())

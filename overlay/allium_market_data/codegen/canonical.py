"""Plain data compared by what they say: the order of keys and the spelling of a number do not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()
"""Stands for the side of a `Difference` that is not there."""


class Difference(NamedTuple):
    """One place (a JSON pointer) where two values differ, with both sides."""

    pointer: str
    old: Any
    new: Any


def canonical(value: Any) -> str:
    """JSON text that is the same for all data that mean the same: keys sorted, ``5000.0`` written ``5000``."""
    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """The SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same; unlike ``==``, true is not 1."""
    return canonical(one) == canonical(other)


def differences(old: Any, new: Any, pointer: str = "") -> Iterator[Difference]:
    """Where two values differ, as deep as their shapes agree; lists are compared index by index."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), join(pointer, key))
    elif isinstance(old, list) and isinstance(new, list):
        for at in range(max(len(old), len(new))):
            left, right = (side[at] if at < len(side) else ABSENT for side in (old, new))
            yield from differences(left, right, join(pointer, at))
    elif old is ABSENT or new is ABSENT or not same(old, new):
        yield Difference(pointer, old, new)


def join(pointer: str, *tokens: str | int) -> str:
    """A JSON pointer (RFC 6901) prolonged by raw tokens."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def resolve(value: Any, pointer: str) -> Any:
    """What a JSON pointer points at; raises LookupError where it points at nothing."""
    for raw in pointer.split("/")[1:]:
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            if not (token.isascii() and token.isdigit()):
                raise LookupError(pointer)
            value = value[int(token)]
        elif isinstance(value, dict):
            value = value[token]
        else:
            raise LookupError(pointer)
    return value


def _normal(value: Any) -> Any:
    match value:
        case bool():
            return value
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _normal(item) for key, item in value.items()}
        case list() | tuple():
            return [_normal(item) for item in value]
    return value

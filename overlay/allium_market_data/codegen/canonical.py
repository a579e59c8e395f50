"""Compare, hash and address plain JSON data. The order of keys and the notation of a number do not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()
"""The value of the missing side of a `Difference`."""


class Difference(NamedTuple):
    """A JSON pointer at which two values differ, and both values."""

    pointer: str
    old: Any
    new: Any


def canonical(value: Any) -> str:
    """JSON text that is equal for equal data: keys sorted, ``5000.0`` written ``5000``."""
    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """The SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def same(left: Any, right: Any) -> bool:
    """True if two values are equal; unlike with ``==``, true is not 1."""
    return canonical(left) == canonical(right)


def differences(old: Any, new: Any, pointer: str = "") -> Iterator[Difference]:
    """The innermost places at which two values differ. Lists are compared index by index."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), join(pointer, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left, right = (side[index] if index < len(side) else ABSENT for side in (old, new))
            yield from differences(left, right, join(pointer, index))
    elif old is ABSENT or new is ABSENT or not same(old, new):
        yield Difference(pointer, old, new)


def join(pointer: str, *tokens: str | int) -> str:
    """A JSON pointer (RFC 6901) with raw tokens appended."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def resolve(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer. Raises ``LookupError`` if there is none."""
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

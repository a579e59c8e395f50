"""One reason why a schema may not be a subset of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .schema import Path, Schema


@dataclass(frozen=True, slots=True)
class Problem:
    """One keyword by which the small side allows what the large side refuses.

    ``path`` leads from the schema to the value at fault, ``small`` and ``large`` are what the sides say there. ``unsure``
    says why it may be none; it is "" for a certain one.
    """

    path: Path
    keyword: str
    small: Any
    large: Any
    small_pointer: str
    large_pointer: str
    unsure: str = ""


def problem(keyword: str, small: Schema, large: Schema, values: tuple[Any, Any], unsure: str = "") -> Problem:
    """A problem at two schemas; ``values`` are what the small and the large side say of the keyword."""
    return Problem((), keyword, *values, small.pointer, large.pointer, unsure)


def beneath(path: Path, problems: Iterable[Problem]) -> list[Problem]:
    """The problems of an inner schema as those of the outer one."""
    return [replace(inner, path=path + inner.path) for inner in problems]


def made_unsure(problems: Iterable[Problem], why: str) -> list[Problem]:
    """The problems, none of them certain any more."""
    return [replace(inner, unsure=inner.unsure or why) for inner in problems]

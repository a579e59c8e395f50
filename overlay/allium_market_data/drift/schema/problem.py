"""What stands against one schema being part of another, and the frame in which that is looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from .schema import Schema


@dataclass(frozen=True, slots=True)
class Mode:
    """How strictly two schemas are compared.

    ``side`` is ``request`` or ``answer``, so that readOnly and writeOnly members count where they are, and what is not
    named is not sent; "" for neither. ``tolerant``: the resolver of an answer ignores members that it does not know.
    ``lenient``: the branches of a ``oneOf`` are taken to exclude each other, as their authors mean it. ``closing``: that
    other members are refused counts, even where a tolerant resolver would not mind.
    """

    side: str = ""
    tolerant: bool = False
    lenient: bool = False
    closing: bool = False


STRICT: Final = Mode()
"""Nothing is taken for granted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the small side allows what the large one refuses, or (``cannot``) may do so.

    ``path`` are the tokens from the schema to the value at fault, ``small`` and ``large`` what the sides say there.
    """

    path: tuple[str | int, ...]
    keyword: str
    small: Any
    large: Any
    small_pointer: str
    large_pointer: str
    why: str
    cannot: bool = False


class Check:
    """A comparison that is under way: its mode, and how to compare two nodes further down."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode

    def run(self, small: Schema, large: Schema) -> list[Problem]:
        """What stands against ``small`` being part of ``large``."""
        raise NotImplementedError


def beneath(path: tuple[str | int, ...], found: Iterable[Problem]) -> list[Problem]:
    """The problems of an inner schema as those of the outer one."""
    return [replace(problem, path=path + problem.path) for problem in found]


def stated(
    keyword: str, small: Schema, large: Schema, one: Any, other: Any, why: str, *, cannot: bool = False
) -> Problem:
    """A problem at two nodes: what their sides say of a keyword, and why that stands against the subset."""
    return Problem((), keyword, one, other, small.pointer, large.pointer, why, cannot)

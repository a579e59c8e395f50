"""Fenced code blocks of a Markdown text, as CommonMark defines them, and a little more tolerant of indentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)")


@dataclass(frozen=True, slots=True)
class Fence:
    """One fenced block. Lines are counted from 1; ``start`` and ``end`` are those of the fences themselves."""

    info: str
    body: str
    start: int
    end: int
    closed: bool

    @property
    def language(self) -> str:
        """The first word of the info string in lower case, or nothing."""
        word = re.match(r"[\w+-]+", self.info)
        return word[0].lower() if word else ""


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text whose lines end in ``\\n``, in order; what stands inside a block is not looked into.

    A fence indented by four spaces or more counts too (it is one inside a list item); its indentation is taken off the
    lines of its block.
    """
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        opening = _opening(lines[number])
        if opening is None:
            number += 1
            continue
        indent, fence, info = opening
        closing = _closing(lines, number + 1, indent, fence)
        body = "".join(_unindented(line, indent) + "\n" for line in lines[number + 1 : closing])
        yield Fence(info, body, number + 1, min(closing + 1, len(lines)), closing < len(lines))
        number = closing + 1


def _opening(line: str) -> tuple[int, str, str] | None:
    found = _OPENING.fullmatch(line)
    if found is None or (found["fence"][0] == "`" and "`" in found["info"]):
        return None  # a backtick in the info string makes it inline code
    return len(found["indent"]), found["fence"], found["info"].strip()


def _closing(lines: list[str], first: int, indent: int, fence: str) -> int:
    """The number of the line that closes the block, or that behind the last one."""
    widest = indent + 3 if indent > 3 else 3
    pattern = re.compile(rf" {{0,{widest}}}{fence[0]}{{{len(fence)},}}[ \t]*")
    return next((at for at in range(first, len(lines)) if pattern.fullmatch(lines[at])), len(lines))


def _unindented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]

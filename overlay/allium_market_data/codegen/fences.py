"""Fenced code blocks of a Markdown text: CommonMark's rules, but independent of what surrounds the block.

A CommonMark parser is not used here. Published pages put fences into components such as ``<Tab>``, with or without
indentation, and CommonMark takes those for HTML or for indented code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block. Lines count from 1; ``start`` and ``end`` are the lines of the opening and closing fence."""

    info: str
    body: str
    start: int
    end: int
    closed: bool

    @property
    def language(self) -> str:
        """The first word of the info string in lower case; empty if there is none."""
        word = re.match(r"[\w+-]+", self.info)
        return word[0].lower() if word else ""


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text whose lines end in ``\\n``, in order. Fences inside a block are part of its body.

    A fence may have any indentation, as in a list item or a component; the lines of its body lose the same indentation.
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
    match = _OPENING.fullmatch(line)
    if match is None or (match["fence"][0] == "`" and "`" in match["info"]):
        return None  # a backtick in the info string makes it inline code
    return len(match["indent"]), match["fence"], match["info"].strip()


def _closing(lines: list[str], first: int, indent: int, fence: str) -> int:
    """The index of the closing line, or of the end of the text."""
    widest = indent + 3 if indent > 3 else 3
    pattern = re.compile(rf" {{0,{widest}}}{fence[0]}{{{len(fence)},}}[ \t]*")
    return next((index for index in range(first, len(lines)) if pattern.fullmatch(lines[index])), len(lines))


def _unindented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]

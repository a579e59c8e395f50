"""What a reader sees of Markdown: its sentences, its links, and what it strikes through or comments out."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN: Final = MarkdownIt("commonmark").enable(["strikethrough", "table"])
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)|\{/\*.*?(?:\*/\}|\Z)", re.DOTALL)
_STRUCK: Final = re.compile(r"<(del|s|strike)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ONE_TILDE: Final = re.compile(r"(?<![~\\\w])~(?=[^\s~])([^~\n]*[^\s~])~(?![~\w])")
_WITHDRAWING: Final = re.compile(r"<!--|-->|\{/\*|\*/\}|~~|</?(?:del|s|strike)\b[^<>]*>", re.IGNORECASE)
_INLINE_TAG: Final = re.compile(
    r"</?(?:a|abbr|b|code|em|font|i|kbd|mark|q|small|span|strong|sub|sup|u|var|wbr)\b[^<>]*>", re.IGNORECASE
)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_CODE: Final = "\ue000"
"""Marks the begin of code, with which a sentence may begin in lower case."""
_END: Final = re.compile(rf"(?<=[.!?])[\"”’)\]]*\s+(?=[\"“‘(\[]?(?:{_CODE}|[^\Wa-z]|[a-z]+_\w))")
_BREAKS: Final = {"softbreak": " ", "hardbreak": " "}


def _blocks(markdown: str) -> Iterator[str]:
    """The visible text of each paragraph, heading, list item, cell and code block. Components such as <Note> end a block."""
    for token in _tokens(markdown):
        if token.type == "inline":
            yield _inline_text(token.children or [])
        elif token.type == "fence":
            yield token.content
        elif token.type == "code_block":  # in a published page, text inside a component that is indented
            yield from _blocks(textwrap.dedent(token.content))


def _tokens(markdown: str) -> list[Token]:
    text = _STRUCK.sub("", _COMMENT.sub("", markdown))
    text = _ONE_TILDE.sub(r"~~\1~~", text)
    return _MARKDOWN.parse(_TAG.sub("\n\n", _INLINE_TAG.sub("", text)))


def _inline_text(tokens: list[Token]) -> str:
    """The text of a paragraph without markup and struck-through text."""
    parts = []
    struck = 0
    for token in tokens:
        struck += {"s_open": 1, "s_close": -1}.get(token.type, 0)
        text = token.content if token.type in {"text", "code_inline", "image"} else _BREAKS.get(token.type, "")
        text = _CODE + text if token.type == "code_inline" else text
        parts.append("" if struck else text)
    return "".join(parts)


@lru_cache(2048)
def plain_text(markdown: str) -> str:
    """The visible text of Markdown on one line."""
    return " ".join(" ".join(_blocks(markdown)).replace(_CODE, "").split())


def sentences(markdown: str) -> list[str]:
    """The visible sentences of Markdown as plain text."""
    blocks = (" ".join(block.split()) for block in _blocks(markdown))
    return [part.replace(_CODE, "") for block in blocks for part in _END.split(block) if part.strip(_CODE)]


def links(markdown: str) -> list[str]:
    """The addresses that Markdown links to, in its order."""
    inline = (child for token in _tokens(markdown) for child in token.children or ())
    return [str(child.attrGet("href")) for child in inline if child.type == "link_open"]


def with_withdrawn(markdown: str) -> str:
    """The text of Markdown on one line, what is struck through or commented out included."""
    return plain_text(_WITHDRAWING.sub(" ", _ONE_TILDE.sub(r"~~\1~~", markdown)))

"""Sentences of Markdown text: split it, find quotes in it, compare what matters, and find the most similar sentence."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN: Final = MarkdownIt("commonmark").enable("strikethrough")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_END: Final = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+(?=[\"“‘(\[]?[^\Wa-z])")
_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|%")
_SIGNIFICANT: Final = frozenset(
    "second seconds minute minutes hour hours day days week weeks month months year years ms utc percent % row "  # noqa: SIM905
    "rows "
    "usd usdt usdc eur base quote contract contracts coin coins cent cents thousand thousands million millions billion "
    "billions two three four five six seven eight nine ten hundred not no never none nor without except excluding exclude "
    "excludes exclusive inclusive including includes only cannot can't don't doesn't isn't won't aren't unless neither "
    "half double twice first last next previous before after start end minimum maximum average mean sum open close "
    "milliseconds seconds epoch unix local naive".split()
)


def _blocks(markdown: str) -> Iterator[str]:
    """The text of each paragraph, heading, list item and code block. Components such as <Note> end a block."""
    for token in _MARKDOWN.parse(_TAG.sub("\n\n", _COMMENT.sub("", markdown))):
        if token.type == "inline":
            yield _inline_text(token.children or [])
        elif token.type == "fence":
            yield token.content
        elif token.type == "code_block":  # in a published page, text inside a component that is indented
            yield from _blocks(textwrap.dedent(token.content))


def _inline_text(tokens: list[Token]) -> str:
    """The text of a paragraph without emphasis and struck-through text; links keep their address."""
    parts = []
    struck, address = 0, ""
    for token in tokens:
        struck += {"s_open": 1, "s_close": -1}.get(token.type, 0)
        if token.type == "link_open":
            address = str(token.attrGet("href"))
        text = {"softbreak": " ", "hardbreak": " ", "link_open": "[", "link_close": f"]({address})"}.get(token.type)
        if text is None and token.type in {"text", "code_inline", "image"}:
            text = token.content
        parts.append("" if struck or text is None else text)
    return "".join(parts)


@lru_cache(2048)
def plain_text(markdown: str) -> str:
    """A Markdown text as plain text on one line."""
    return " ".join(" ".join(_blocks(markdown)).split())


def sentences(markdown: str) -> list[str]:
    """The sentences of a Markdown text as plain text."""
    blocks = (" ".join(block.split()) for block in _blocks(markdown))
    return [part for block in blocks for part in _END.split(block) if part]


def contains(text: str, quote: str) -> bool:
    """Whether plain text contains a quote (Markdown) word for word, and not as a part of longer words or numbers."""
    return _pattern(quote).search(text) is not None


@lru_cache(2048)
def _pattern(quote: str) -> re.Pattern[str]:
    plain = plain_text(quote)
    before = r"(?<![\w.,-])" if plain[:1].isalnum() else ""
    after = r"(?![\w-]|[.,]\d)" if plain[-1:].isalnum() else ""
    return re.compile(before + re.escape(plain) + after)


def significant_words(text: str) -> Counter[str]:
    """The numbers, units, negations and similar words that decide what plain text means."""
    return Counter(token for token in _tokens(text) if _is_significant(token))


def most_similar(sentence: str, candidates: Iterable[str]) -> str:
    """The candidate most similar to a sentence, significant words counting threefold; "" if none is similar."""
    own = Counter(_tokens(sentence))
    scored = [(_similarity(own, Counter(_tokens(candidate))), candidate) for candidate in candidates]
    score, best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    return best if score >= 0.1 else ""


def _tokens(text: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(text)]


def _is_significant(token: str) -> bool:
    return token in _SIGNIFICANT or token[0].isdigit()


def _similarity(one: Counter[str], other: Counter[str]) -> float:
    def weight(tokens: Counter[str]) -> int:
        return sum(count * (3 if _is_significant(token) else 1) for token, count in tokens.items())

    union = weight(one | other)
    return weight(one & other) / union if union else 0.0

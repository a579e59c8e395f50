"""Sentences of prose: fold, split, weigh, and find the one most like another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKUP: Final = re.compile(r"\*\*|__|`")
_QUOTED: Final = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+]|\d+\.)[ \t]", re.MULTILINE)
_HEADING: Final = re.compile(r"^#+[ \t].*$", re.MULTILINE)
_END: Final = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+(?=[\"“‘(\[]?[^\Wa-z])")
_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|%")
_WEIGHTY: Final = frozenset(
    "second seconds minute minutes hour hours day days week weeks month months year years ms utc percent % row "  # noqa: SIM905
    "rows "
    "usd usdt usdc eur base quote contract contracts coin coins cent cents thousand thousands million millions billion "
    "billions two three four five six seven eight nine ten hundred not no never none nor without except excluding exclude "
    "excludes exclusive inclusive including includes only cannot can't don't doesn't isn't won't aren't unless neither "
    "half double twice first last next previous before after start end minimum maximum average mean sum open close "
    "milliseconds seconds epoch unix local naive".split()
)


@lru_cache(2048)
def fold(text: str) -> str:
    """A text without line ends, runs of spaces and emphasis."""
    return " ".join(_MARKUP.sub("", text).split())


def sentences(prose: str) -> list[str]:
    """The sentences of a Markdown text, folded. A blank line, a tag, a heading and an item of a list end one as well."""
    plain = _QUOTED.sub("", _TAG.sub("\n\n", prose))
    plain = _HEADING.sub(r"\n\n\g<0>\n\n", _ITEM.sub("\n\n", plain))
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", plain)]
    return [fold(part) for block in blocks for part in _END.split(block) if fold(part)]


def stands(quote: str, text: str) -> bool:
    """Whether a quote stands in a text, word for word, and not inside of longer words or numbers."""
    return _pattern(quote).search(fold(text)) is not None


@lru_cache(2048)
def _pattern(quote: str) -> re.Pattern[str]:
    folded = fold(quote)
    before = r"(?<![\w.,-])" if folded[:1].isalnum() else ""
    after = r"(?![\w-]|[.,]\d)" if folded[-1:].isalnum() else ""
    return re.compile(before + re.escape(folded) + after)


def weighty(text: str) -> Counter[str]:
    """The numbers, units, negations and other words of a text that decide what it says."""
    return Counter(token for token in _tokens(text) if token in _WEIGHTY or token[0].isdigit())


def nearest(sentence: str, candidates: Iterable[str]) -> str:
    """The candidate most like a sentence, weighty words counting threefold; "" where none is like it."""
    mine = Counter(_tokens(sentence))
    scored = [(_likeness(mine, Counter(_tokens(candidate))), candidate) for candidate in candidates]
    score, best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    return best if score >= 0.1 else ""


def _tokens(text: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(fold(text))]


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    def weight(tokens: Counter[str]) -> int:
        return sum(count * (3 if token in _WEIGHTY or token[0].isdigit() else 1) for token, count in tokens.items())

    union = weight(one | other)
    return weight(one & other) / union if union else 0.0

"""What a sentence states: its words without typography, and its facts: numbers by value, units, limits, negations.

Two sentences with the same facts say the same in other words. Typography is folded: quotation marks, dashes, hyphens, case,
punctuation and the notation of a number. ``7 days``, ``one week`` and ``168 hours`` are one fact; so are ``1–5000`` and
``1 to 5000``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_QUOTES: Final = dict.fromkeys(map(ord, "’‘`´"), "'")
_TOKEN: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[t ][\d:.]+z?)?|(?<![\w)])-?\d+(?:[.,:]\d+)*(?!\w)|\d+(?:[.,:]\d+)*|[^\W\d]\w*(?:'\w+)?|[%≤≥<>=$€]"
)
_THOUSANDS: Final = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")

_SECONDS: Final = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "h": 3600, "hr": 3600} | {
    "day": 86400,
    "d": 86400,
    "week": 604800,
    "w": 604800,
    "m": 60,
    "fortnight": 1209600,
}
_LETTERS: Final = {"s", "m", "h", "d", "w"}
"""Units only right after the digits, as in the interval ``1m``."""
_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMERALS: Final = {name: value for value, name in enumerate(_SMALL.split())} | {
    "thirty": 30,
    "sixty": 60,
    "ninety": 90,
}
_MAGNITUDES: Final = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9}
_PHRASES: Final = (
    (
        "≤",
        r"at most|up to|(?:no|not) (?:more|longer|greater) than|(?:must|may|can) ?not exceed|(?:cap|capped|limited) (?:at|to)",
    ),
    ("≥", r"at least|(?:no|not) (?:less|fewer|shorter) than|or more"),
    ("not", r"no longer|can ?not|\w+n't"),
    ("perpetual", r"perps?|perpetuals?"),
    ("timeseries", r"time series"),
    ("timestamp", r"time stamps?"),
    ("iso8601", r"iso 8601"),
)
_PHRASE_PATTERNS: Final = tuple((f" {name} ", re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")) for name, pattern in _PHRASES)
_SYNONYMS: Final = {
    "maximum": "≤",
    "max": "≤",
    "cap": "≤",
    "capped": "≤",
    "<=": "≤",
    "minimum": "≥",
    "min": "≥",
} | dict.fromkeys(("no", "never", "none", "nor", "without", "neither", "cannot"), "not")
_QUALIFYING: Final = frozenset(
    "thousand million billion cent percent contract coin usd usdt usdc eur base quote notional only except excluding "  # noqa: SIM905
    "exclusive inclusive unless half double twice both average mean sum total median".split()
)
_SIGNIFICANT: Final = _QUALIFYING | frozenset(
    "≤ ≥ < > % $ € first last next previous before after start end ascending descending millisecond microsecond "  # noqa: SIM905
    "nanosecond epoch unix utc local naive perpetual spot future option boundary stock flow sample funding price volume "
    "iso8601 month year deprecated removed required optional".split()
)
_EMPTY: Final = frozenset(
    "return retrieve get fetch provide list give show a an and are as at be been by can currently each for from has have "  # noqa: SIM905
    "in is it its may now of on or per please so that the their them there these this those to was were which will with "
    "within you your".split()
)


def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers of plain text without typography."""
    return _folded(text)


@lru_cache(8192)
def _folded(text: str) -> tuple[str, ...]:
    # NFKC last: it turns a superscript into a digit, and a no-break space into a space
    plain = unicodedata.normalize("NFKC", text.translate(_DASHES | _INVISIBLE | _QUOTES)).casefold()
    return tuple(
        each.replace(",", "") if _THOUSANDS.fullmatch(each) else each for each in _TOKEN.findall(plain) if each
    )


def contains(text: str, quote: str) -> bool:
    """Whether plain text contains a quote word for word, typography aside."""
    return f" {' '.join(tokens(quote))} " in f" {' '.join(tokens(text))} "


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a sentence (numbers and negations count as often as they stand), and its other words."""

    values: tuple[tuple[str, int], ...]
    words: frozenset[str]
    others: frozenset[str]

    def same(self, other: Facts) -> bool:
        """Whether two sentences have the same facts."""
        return (self.values, self.words) == (other.values, other.words)

    @property
    def has_numbers(self) -> bool:
        """Whether there is a number among the facts."""
        return any(value != "not" for value, _ in self.values)

    @property
    def qualifies(self) -> bool:
        """Whether it has a negation, an exception or a unit, so that it may change what the sentence before it means."""
        return any(value == "not" for value, _ in self.values) or not self.words.isdisjoint(_QUALIFYING)


@lru_cache(8192)
def facts(text: str) -> Facts:
    """The facts of a sentence in plain text."""
    values: Counter[str] = Counter()
    words: set[str] = set()
    others: set[str] = set()
    for token in _with_values(text):
        if token == "not" or token[0].isdigit() or token[0] == "-":  # noqa: S105 - a word
            values[token] += 1
        elif token in _SIGNIFICANT:
            words.add(token)
        elif token not in _EMPTY:
            others.add(token)
    return Facts(tuple(sorted(values.items())), frozenset(words), frozenset(others))


def coverage(old: str, new: str) -> float:
    """How much of the content of an old sentence, numbers aside, a new one has, from 0 to 1."""
    content = [each.words | each.others for each in (facts(old), facts(new))]
    return len(content[0] & content[1]) / len(content[0]) if content[0] else 1.0


def similarity(one: str, other: str, *, numbers: bool = True) -> float:
    """How much of the content of two sentences is the same, from 0 to 1; ``numbers`` False leaves numbers out."""
    sides = []
    for each in (facts(one), facts(other)):
        values = {value for value, _ in each.values} if numbers else set()
        sides.append(values | each.words | each.others)
    union = sides[0] | sides[1]
    return len(sides[0] & sides[1]) / len(union) if union else 0.0


def most_similar(sentence: str, candidates: Iterable[str]) -> str:
    """The candidate most similar to a sentence; "" if none is similar."""
    scored = ((similarity(sentence, candidate), candidate) for candidate in candidates)
    score, best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    return best if score >= 0.1 else ""


def _with_values(text: str) -> list[str]:
    """The tokens of a text with phrases as one token, numbers by value, durations in seconds, and ranges as one."""
    plain = " ".join(tokens(_with_ranges(text)))
    for name, pattern in _PHRASE_PATTERNS:
        plain = pattern.sub(name, plain)
    words = [_singular(_SYNONYMS.get(word, word)) for word in plain.split()]
    return [*_valued(words)]


def _with_ranges(text: str) -> str:
    """``1–5000`` and ``between 1 and 5000`` as ``1 to 5000``."""
    plain = text.translate(_DASHES)
    plain = re.sub(r"(?<![\w.,-])(\d[\d,.]*\d|\d)\s*(?:-|\.\.\.?|…|through)\s*(?=\d)(?!\d\d-\d)", r"\1 to ", plain)
    return re.sub(r"\bbetween (\d[\d,.]*) and (?=\d)", r"\1 to ", plain)


def _singular(word: str) -> str:
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "series"))
    return word[:-1] if is_plural else word


def _valued(words: list[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        value, after = _number_at(words, at)
        if value is None:
            yield words[at]
            at += 1
            continue
        unit = words[after] if after < len(words) else ""
        is_unit = unit in _SECONDS and (unit not in _LETTERS or words[at].isdigit())
        if is_unit:
            yield f"{_text(value * _SECONDS[unit])} s"
            at = after + 1
        elif value is not None and words[at] not in {"a", "an"}:
            yield _text(value)
            at = after
        else:
            yield words[at]
            at += 1


def _number_at(words: list[str], at: int) -> tuple[Decimal | None, int]:
    """The number that begins at a word, and the index after it."""
    word = words[at]
    if _NUMBER.fullmatch(word):
        value = Decimal(word)
    elif word in _NUMERALS:
        value = Decimal(_NUMERALS[word])
    elif word in {"a", "an"}:
        value = Decimal(1)
    else:
        return None, at
    at += 1
    while at < len(words) and words[at] in _MAGNITUDES:
        value *= _MAGNITUDES[words[at]]
        at += 1
    return value, at


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"

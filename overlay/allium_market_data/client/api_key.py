"""The API key, stored so that nothing shows it, and redacted in the text of responses."""

from __future__ import annotations

import base64
import os
import re
from functools import lru_cache
from html.entities import codepoint2name

from ..errors import UsageError

REDACTED = "***"
"""Replaces the key."""

MIN_PREFIX = 8
"""A prefix of a long key is redacted from this length on: truncated text may contain no more of it."""


ESCAPED = re.compile(r"(\\[abfnrtv]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})$")
"""A character as JSON, programs or URLs escape it, at the end of a text."""


class ApiKey:
    """The given key, or the one in ALLIUM_API_KEY if it is None.

    The key is in a closure: no ``repr``, no dump of attributes and no traceback with local variables shows it, and it cannot
    be pickled. The constructor never raises, as its frame would show the key; ``problem`` says what is wrong with it.
    """

    __slots__ = ("_read", "problem")

    def __init__(self, given: object) -> None:
        key = os.environ.get("ALLIUM_API_KEY", "") if given is None else given
        key = key.strip() if isinstance(key, str) else key
        is_valid = isinstance(key, str) and key.isascii() and key.isprintable()
        self.problem = None if is_valid else "the API key must be text of printable ASCII characters"
        text = str(key) if is_valid else ""

        def read() -> str:
            return text

        self._read = read

    def __repr__(self) -> str:
        return f"ApiKey({REDACTED})"

    @property
    def is_there(self) -> bool:
        """True unless the key is empty."""
        return bool(self._read())

    def reveal(self) -> str:
        """The key. Raises ``UsageError`` if there is none: only sending a request needs one."""
        if not self._read():
            raise UsageError("there is no API key: pass api_key, or set ALLIUM_API_KEY")
        return self._read()

    def redact(self, text: str) -> str:
        """The text without the key, however its characters are escaped, and without a prefix of a long key.

        A key of less than `MIN_PREFIX` characters is redacted only where it stands alone, between other characters than letters
        and digits. It is part of many words, which would become unreadable and would show the key by what they lack.
        """
        if not self.is_there:
            return text
        is_short = len(self._read()) < MIN_PREFIX
        for form in _base64_forms(self._read()):
            text = re.sub(re.escape(form), _redact_alone, text) if is_short else text.replace(form, REDACTED)
        first, *others = [_spellings(character) for character in self._read()]
        min_length = MIN_PREFIX if len(others) >= 2 * MIN_PREFIX - 1 else len(others) + 1
        parts, position = [], 0
        for start in first.finditer(text):
            if start.start() < position:
                continue
            end, count = start.end(), 1
            for spelling in others:
                if (more := spelling.match(text, end)) is None:
                    break
                end, count = more.end(), count + 1
            if count >= min_length and not (is_short and _is_part_of_a_word(text, start.start(), end)):
                parts += [text[position : start.start()], REDACTED]
                position = end
        return "".join([*parts, text[position:]])

    def redact_bytes(self, data: bytes) -> bytes:
        """As ``redact``, for bytes."""
        return self.redact(data.decode("latin-1")).encode("latin-1")


def _is_part_of_a_word(text: str, start: int, end: int) -> bool:
    """True if a letter or digit adjoins this part of a text; an escaped character before it counts as what it stands for."""
    before = text[max(0, start - 6) : start]
    return text[end : end + 1].isalnum() or (before[-1:].isalnum() and not ESCAPED.search(before))


def _redact_alone(found: re.Match[str]) -> str:
    return found[0] if _is_part_of_a_word(found.string, found.start(), found.end()) else REDACTED


def _base64_forms(key: str) -> set[str]:
    """The key itself, and in base64 without padding."""
    data = key.encode()
    return {key, *(encode(data).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))}


@lru_cache(maxsize=128)
def _spellings(character: str) -> re.Pattern[str]:
    r"""Matches a character as JSON, URLs, HTML and programs escape it, once or twice: ``\u0026``, ``%2526``."""
    code = f"{ord(character):02x}"
    names = [name for name in (codepoint2name.get(ord(character)), "apos" if character == "'" else None) if name]
    entities = "|".join([f"#0{{0,6}}{ord(character)}", f"(?i:#x0{{0,6}}{code})", *names])
    # The plain character comes last, as the others may begin with it. Every repetition is bounded: hostile text is long.
    spellings = [
        rf"\\{{1,64}}(?i:u00{code}|u\{{0{{0,6}}{code}\}}|x{code})",
        rf"\\{{0,64}}(?i:%(?:25){{0,3}}{code})",
        rf"\\{{0,64}}&(?:amp;){{0,3}}(?:{entities});",
        rf"\\{{0,64}}{re.escape(character)}" if character != "\\" else r"\\{1,64}",
        *([r"\+"] if character == " " else []),
    ]
    return re.compile("|".join(spellings))

"""The API key, held so that nothing shows it, and wiped from whatever a server says."""

from __future__ import annotations

import base64
import os
import re
from functools import lru_cache
from html.entities import codepoint2name

from ..errors import UsageError

WIPED = "***"
"""What stands in place of the key."""

ENOUGH = 8
"""So many characters of a long key's beginning are wiped too: a text that was cut short may hold no more of it."""


class ApiKey:
    """The key that was given, else the one of the environment.

    It lies in a closure: no ``repr``, no dump of attributes and no traceback with local variables shows it, and it cannot
    be pickled. Making one never raises, as the frames of a failure would hold the key; ``problem`` says what is wrong.
    """

    __slots__ = ("_give", "problem")

    def __init__(self, given: object) -> None:
        key = os.environ.get("ALLIUM_API_KEY", "") if given is None else given
        key = key.strip() if isinstance(key, str) else key
        fits = isinstance(key, str) and key.isascii() and key.isprintable()
        self.problem = None if fits else "the API key must be text of printable ASCII characters"
        text = str(key) if fits else ""

        def give() -> str:
            return text

        self._give = give

    def __repr__(self) -> str:
        return f"Secret({WIPED})"

    @property
    def is_there(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._give())

    def reveal(self) -> str:
        """The key. Raises ``UsageError`` where there is none: only who sends a request needs one."""
        if not self._give():
            raise UsageError("there is no API key: pass api_key, or set ALLIUM_API_KEY")
        return self._give()

    def redact(self, said: str) -> str:
        """The text without the key, however its characters are escaped, and without the beginning of a long one."""
        if not self.is_there:
            return said
        for form in _whole(self._give()):
            said = said.replace(form, WIPED)
        first, *others = [_spellings(character) for character in self._give()]
        least = ENOUGH if len(others) >= 2 * ENOUGH - 1 else len(others) + 1
        parts, at = [], 0
        for found in first.finditer(said):
            if found.start() < at:
                continue
            end, count = found.end(), 1
            for spelling in others:
                if (more := spelling.match(said, end)) is None:
                    break
                end, count = more.end(), count + 1
            if count >= least:
                parts += [said[at : found.start()], WIPED]
                at = end
        return "".join([*parts, said[at:]])

    def redact_bytes(self, said: bytes) -> bytes:
        """The same for bytes."""
        return self.redact(said.decode("latin-1")).encode("latin-1")


def _whole(key: str) -> set[str]:
    """The key as it is, and as a whole in base64, without the padding."""
    data = key.encode()
    return {key, *(encode(data).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))}


@lru_cache(maxsize=128)
def _spellings(character: str) -> re.Pattern[str]:
    r"""The ways in which JSON, URLs, HTML and programs write a character, twice escaped too: ``\u0026``, ``%2526``."""
    code = f"{ord(character):02x}"
    names = [name for name in (codepoint2name.get(ord(character)), "apos" if character == "'" else None) if name]
    entities = "|".join([f"#0{{0,6}}{ord(character)}", f"(?i:#x0{{0,6}}{code})", *names])
    # The plain one comes last, as the others may begin with it. No part repeats without end: hostile text is long.
    spellings = [
        rf"\\{{1,64}}(?i:u00{code}|u\{{0{{0,6}}{code}\}}|x{code})",
        rf"\\{{0,64}}(?i:%(?:25){{0,3}}{code})",
        rf"\\{{0,64}}&(?:amp;){{0,3}}(?:{entities});",
        rf"\\{{0,64}}{re.escape(character)}" if character != "\\" else r"\\{1,64}",
        *([r"\+"] if character == " " else []),
    ]
    return re.compile("|".join(spellings))

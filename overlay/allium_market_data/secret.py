"""The API key, held so that nothing shows it, and wiped from whatever a server says."""

from __future__ import annotations

import html
import json
import os
from urllib.parse import quote

from .errors import UsageError

WIPED = "***"
"""What stands in place of the key."""


class Secret:
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

    def wipe(self, said: str) -> str:
        """The text without the key, in whichever usual way it is escaped."""
        for form in self._forms():
            said = said.replace(form, WIPED)
        return said

    def wipe_bytes(self, said: bytes) -> bytes:
        """The same for bytes."""
        for form in self._forms():
            said = said.replace(form.encode(), WIPED.encode())
        return said

    def _forms(self) -> list[str]:
        key = self._give()
        forms = {key, json.dumps(key)[1:-1], quote(key, safe=""), quote(key), html.escape(key)}
        return sorted(forms - {""}, key=len, reverse=True)

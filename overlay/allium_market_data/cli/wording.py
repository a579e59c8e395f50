"""What the library says, in the words of the command line: options instead of arguments."""

from __future__ import annotations

import re

_WORDINGS = (
    (r"\boverwrite=True or (?=--overwrite)", ""),
    (r"\ballow_insecure=True\b", "--allow-insecure"),
    (r"\bpass api_key, or set ALLIUM_API_KEY\b|\bset ALLIUM_API_KEY, or pass api_key\b", "set ALLIUM_API_KEY"),
    (r"(?<=\d), or None(?=, not )|(?<= a second), or None(?=, not )", ""),
    (r"\bmax_(rate|concurrency|requests)\b", r"--max-\1"),
    (r"\bbase_url\b", "--base-url"),
    (r"^(?=(timeout|deadline|windows) must be )", "--"),
)


def in_options(message: str) -> str:
    """The message with the options of the command in place of the arguments of the library."""
    for pattern, wording in _WORDINGS:
        message = re.sub(pattern, wording, message)
    return message

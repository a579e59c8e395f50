"""Untrusted text from upstream, escaped for Markdown. Control characters are always replaced."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ...sanitize import clean

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]#|~$])")


def markdown(text: str) -> str:
    """The text on one line, as Markdown that shows it and does nothing else: no link, no HTML, nobody mentioned."""
    line = _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return line.replace("://", "&#58;//").replace("www.", "www&#46;")  # last: what they put in is no special text


def fenced(text: str) -> list[str]:
    """The lines of a block of code that shows the text, with a fence that the text cannot close."""
    lines = [clean(line) for line in text.splitlines()] or [""]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def value(data: Any, longest: int = 300) -> str:
    """Plain JSON data in a line, cut where it is long; ``nothing`` for a side that has none."""
    if data is None:
        return "nothing"
    said = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return said if len(said) <= longest else f"{said[: longest - 3]}..."

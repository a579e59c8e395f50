"""Text from upstream is not trusted: it is escaped for Markdown, and its control characters are replaced."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ...sanitize import clean

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]#|~$])")


def markdown(text: str) -> str:
    """The text on one line, as Markdown that only shows it: no links, no HTML, no mentions of users."""
    line = _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return line.replace("://", "&#58;//").replace("www.", "www&#46;")  # last, because these add `&`


def fenced(text: str) -> list[str]:
    """The lines of a code block that shows the text; its fence is longer than any in the text."""
    lines = [clean(line) for line in text.splitlines()] or [""]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def value(data: Any, longest: int = 300) -> str:
    """Plain JSON data on one line, shortened to ``longest`` characters; ``nothing`` for None."""
    if data is None:
        return "nothing"
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."

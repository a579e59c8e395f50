"""A result as one HTML page that fetches nothing and runs nothing that upstream wrote.

The template, the style and the script are files of this package. The template escapes all values, and the content security
policy of the page allows that one style and that one script, by their hashes, and no requests.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from ...counts import counted
from ..model import Change, Level
from ..result import CheckResult, Sightings

if TYPE_CHECKING:
    from jinja2 import Template

_TOKEN: Final = re.compile(r'"[^"\s]*"|\w+|\s+|.', re.DOTALL)
_ONE_LINE: Final = 60
"""JSON up to this length is shown on one line."""
_LONG: Final = 2000
"""Longer texts get a box that scrolls; texts with more tokens are not compared word by word."""
_ALIKE: Final = 0.3
"""Texts that are less alike are not compared word by word."""

_VERDICTS: Final = {
    "none": ("No drift", "The API is still the one that this client was made for."),
    "docs": ("Only words", "Wording or examples changed; what the API promises did not."),
    "compatible": ("Compatible", "The API changed, in ways that this client does not depend on."),
    "look": ("Please read", "The page says something new about the contract; a person has to read what it changes."),
    "breaking": ("Breaking", "The API changed in a way that can break its callers."),
    "unchecked": ("Not checked", "The documents have no change that matters, but the server could not be checked."),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text of one side; ``same`` if the other side has it too."""

    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference; without pieces there is nothing on this side."""

    name: str
    pieces: tuple[Piece, ...]
    is_prose: bool
    """Other text is set in a monospaced font."""

    @property
    def is_long(self) -> bool:
        """True if it gets a box that scrolls."""
        return sum(len(piece.text) for piece in self.pieces) > _LONG


@dataclass(frozen=True, slots=True)
class Card:
    """A change, with what the page shows next to it."""

    change: Change
    sides: tuple[Side, Side]
    sightings: Sightings | None


def html(result: CheckResult) -> str:
    """The result as one HTML page, which needs no other file and no network; to be written in UTF-8."""
    judgement = result.judgement
    title, sentence = _VERDICTS[result.verdict]
    return _page(
        state=result.verdict,
        title=title,
        sentence=sentence,
        by_behaviour=result.level > judgement.verdict,
        levels=[(str(level), len(judgement.at(level))) for level in reversed(Level) if judgement.at(level)],
        accepted=sum(change.accepted is not None for change in judgement.changes),
        result=result,
        judgement=judgement,
        cards=[
            Card(change, sides(change.old, change.new), result.sightings.get(change.fingerprint))
            for change in judgement.changes
        ],
        checked_at=result.checked_at,
        version=result.version,
    )


def unchecked(reason: str, checked_at: str, version: str) -> str:
    """The page of a run that failed; it cannot be mistaken for a page without drift."""
    return _page(
        state="unchecked",
        title="Not checked",
        sentence="The check failed, so the API may or may not have changed.",
        by_behaviour=False,
        levels=(),
        reason=reason,
        checked_at=checked_at,
        version=version,
    )


def sides(old: Any, new: Any) -> tuple[Side, Side]:
    """Both sides of a difference (plain JSON data, None for nothing), split into what they share and what they do not."""
    texts = (_text(old), _text(new))
    before, after = _pieces(*texts)
    return (
        Side("Before", before if old is not None else (), _is_prose(old)),
        Side("Now", after if new is not None else (), _is_prose(new)),
    )


def _is_prose(value: Any) -> bool:
    return isinstance(value, str) and len(value.split()) > 3


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= _ONE_LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _pieces(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The two texts in runs. Texts that are very long, or have little in common, differ as a whole."""
    whole = (Piece(old, same=False),), (Piece(new, same=False),)
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(before) + len(after) > _LONG:
        return whole
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return whole
    blocks = matcher.get_opcodes()
    return (
        _joined((op == "equal", before[at:end]) for op, at, end, _, _ in blocks),
        _joined((op == "equal", after[at:end]) for op, _, _, at, end in blocks),
    )


def _joined(runs: Iterable[tuple[bool, list[str]]]) -> tuple[Piece, ...]:
    return tuple(Piece("".join(tokens), same) for same, tokens in runs if tokens)


# --- The page ---


def _page(**values: Any) -> str:
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _template().render(policy=policy, style=style, script=script, **values)


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    filters: Mapping[str, Any] = {"minute": _time, "counted": counted, "sides": lambda pair: sides(*pair)}
    environment.filters.update(filters)
    return environment.from_string(_asset("page.html"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source expression of a content security policy that allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _visible(value: Any) -> Any:
    """Replace invisible characters by their code (``\\u202e``), so that no text can pose as another.

    These are controls, marks of direction, unusual spaces, surrogates, and code points without a character.
    """
    if type(value) is not str:  # the style and the script are marked as safe
        return value
    text = value.replace("\r\n", "\n")
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in text
    )


def _time(text: str) -> str:
    """A time (ISO 8601) in UTC, to the minute; any other text stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

"""A report as one HTML page: nothing is fetched, and what upstream wrote is shown but never obeyed.

The template, the style and the script lie beside this module. The template escapes all that it is given; the page's own
policy allows that one style and that one script, by their hashes, and no request at all.
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

from ..model import Change, Level
from .report import Report, Seen

if TYPE_CHECKING:
    from jinja2 import Template

_TOKEN: Final = re.compile(r'"[^"\s]*"|\w+|\s+|.', re.DOTALL)
_WIDE: Final = 60
_TOKENS: Final = 2000
_ALIKE: Final = 0.3

_VERDICTS: Final = {
    Level.NONE: ("No drift", "The API is still the one that this client was made for."),
    Level.DOCS: ("Only words", "Wording or examples changed; what the API promises did not."),
    Level.COMPATIBLE: ("Compatible", "The API changed, in ways that this client need not know about."),
    Level.BREAKING: ("Breaking", "The API changed in a way that its callers have to know about."),
}

_HALF: Final = ("Not checked", "The documents hold nothing that matters, but the server could not be looked at.")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text of one side, and whether the other side has it too."""

    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference as it is shown; without pieces there is nothing on this side."""

    name: str
    pieces: tuple[Piece, ...]
    words: bool
    """Whether this is prose; set in a typewriter's face otherwise."""

    @property
    def long(self) -> bool:
        """Whether it is shown in a box that scrolls."""
        return sum(len(piece.text) for piece in self.pieces) > _TOKENS


@dataclass(frozen=True, slots=True)
class Card:
    """A change with what the page shows beside it."""

    change: Change
    sides: tuple[Side, Side]
    seen: Seen | None


def html(report: Report) -> str:
    """The report as one HTML page that needs no other file and no network; to be written in UTF-8."""
    judgement = report.judgement
    title, sentence = _HALF if report.unchecked else _VERDICTS[report.verdict]
    accepted = sum(change.accepted is not None for change in judgement.changes)
    levels = [(str(level), len(judgement.at(level))) for level in reversed(Level) if judgement.at(level)]
    return _page(
        state=report.word,
        title=title,
        sentence=sentence,
        by_behaviour=report.verdict > judgement.verdict,
        levels=levels,
        accepted=accepted,
        report=report,
        judgement=judgement,
        cards=[
            Card(change, sides(change.old, change.new), report.seen.get(change.fingerprint))
            for change in judgement.changes
        ],
        made=report.made,
        version=report.version,
    )


def unchecked(reason: str, made: str, version: str) -> str:
    """The page of a run that could not check anything, and why; it never looks like one that found no drift."""
    return _page(
        state="unchecked",
        title="Not checked",
        sentence="This run could not compare anything. It does not say that the API is unchanged.",
        by_behaviour=False,
        levels=(),
        reason=reason,
        made=made,
        version=version,
    )


def sides(old: Any, new: Any) -> tuple[Side, Side]:
    """Both sides of a difference (plain JSON data, None for nothing), with what only one of them has told apart."""
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
    return short if len(short) <= _WIDE else json.dumps(value, ensure_ascii=False, indent=2)


def _pieces(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The two texts in runs. Texts that are too long, or have too little in common, differ as a whole."""
    whole = (Piece(old, same=False),), (Piece(new, same=False),)
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(before) + len(after) > _TOKENS:
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
    filters: Mapping[str, Any] = {"moment": _moment, "sides": lambda pair: sides(*pair)}
    environment.filters.update(filters)
    return environment.from_string(_asset("page.html"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source expression of a content security policy that allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _visible(value: Any) -> Any:
    """Text with what cannot be seen spelled out (``\\u202e``), so that no text can pose as another.

    Blanks other than a plain one, controls, marks of direction, halves of characters, code points that stand for nothing.
    """
    if type(value) is not str:  # the style and the script are marked safe, and numbers have nothing to hide
        return value
    text = value.replace("\r\n", "\n")
    return "".join(one if one.isprintable() or one in "\n\t" else _spelled(one) for one in text)


def _spelled(one: str) -> str:
    code = ord(one)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _moment(text: str) -> str:
    """A time (ISO 8601) as people read it, to the minute, in UTC; a text that is none stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

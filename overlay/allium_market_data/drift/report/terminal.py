"""A result on a terminal: the verdict first, then a few lines for each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from ...sanitize import clean
from ..model import Change, Effect, Level, Names
from ..result import UNCHECKED, Behaviour, CheckResult
from .escape import value
from .summary import level_text, summary

SHOWN: Final = 20
"""How many changes are shown; the other reports have all of them."""

_STYLES: Final = {
    "none": "green",
    "docs": "green",
    "compatible": "yellow",
    "look": "bold yellow",
    "breaking": "bold red",
    UNCHECKED: "bold red",
}

Line = tuple[str, str]
"""A text and its style."""


def render(result: CheckResult) -> Text:
    """The result as styled text. Markup in upstream's text has no effect, and control characters are replaced."""
    return Text("\n").join(Text(clean(line), style=style) for line, style in _lines(result))


def _lines(result: CheckResult) -> Iterator[Line]:
    yield summary(result), _STYLES[result.verdict]
    judgement = result.judgement
    for change in judgement.changes[:SHOWN]:
        yield from _change(change)
    if len(judgement.changes) > SHOWN:
        yield f"and {len(judgement.changes) - SHOWN} more changes; --report-dir writes all of them", ""
    if judgement.names:
        yield f"generated names: {_names(judgement.names)}", ""
    if result.behaviour:
        yield from _behaviour(result.behaviour)
    for note in judgement.notes:
        yield f"not compared: {note}", "dim"
    for stale in judgement.stale:
        yield f"acceptance of {stale.entry.fingerprint}: {stale.why}", "yellow"


def _change(change: Change) -> Iterator[Line]:
    style = "dim" if change.accepted else _STYLES[str(change.level)]
    yield f"{level_text(change)}: {change.sentence} [{change.fingerprint}]", style
    if change.effect is not Effect.NONE:
        yield f"  effect on this client: {change.effect}", ""
    if change.level is Level.BREAKING and change.example:
        for line in value(change.example.text, 400).splitlines():
            yield f"  > {line}", "dim"
        yield f"  {value(change.example.outcome)}", ""


def _behaviour(behaviour: Behaviour) -> Iterator[Line]:
    note = f" ({behaviour.note})" if behaviour.note else ""
    yield f"server: {behaviour.sentence}{note}", _STYLES[str(behaviour.level)]
    for violation in behaviour.violations[:SHOWN]:
        yield f"  violation: {violation}", ""
    for question, old, new in behaviour.changed_readings[:SHOWN]:
        yield f"  {question}: was {old}, is {new}", ""


def _names(names: Names) -> str:
    groups = {"new": names.added, "removed": names.removed, "changed": [name for name, _, _ in names.changed]}
    texts = [
        f"{len(group)} {kind} ({', '.join(group[:5])}{', ...' if len(group) > 5 else ''})"
        for kind, group in groups.items()
        if group
    ]
    return names.note or "; ".join(texts) or "unchanged"

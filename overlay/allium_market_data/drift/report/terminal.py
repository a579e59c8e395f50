"""A report on a terminal: the verdict first, then a few lines for each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ...sanitize import clean
from ..model import Change, Effect, Level
from .escape import value
from .report import UNCHECKED, Report
from .summary import headline, note_of

if TYPE_CHECKING:
    from rich.console import Console

SHOWN: Final = 20
"""How many changes are shown; the reports have all of them."""

_STYLES: Final = {
    "none": "green",
    "docs": "green",
    "compatible": "yellow",
    "breaking": "bold red",
    UNCHECKED: "bold red",
}


def show(report: Report, console: Console | None = None) -> None:
    """Print the report. Whatever upstream wrote is printed as it is, less its control characters."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False, soft_wrap=True)
    for line, style in lines(report):
        console.print(Text(clean(line), style=style))


def lines(report: Report) -> Iterator[tuple[str, str]]:
    """The lines, each with its style."""
    yield headline(report), _STYLES[report.word]
    changes = report.judgement.changes
    for change in changes[:SHOWN]:
        yield from _change(change)
    if len(changes) > SHOWN:
        yield f"and {len(changes) - SHOWN} more; --report-dir has all of them", ""
    names = report.judgement.names
    if names:
        yield (f"generated names: {names.note}" if names.note else _names(report)), ""
    if report.behaviour:
        note = f" ({report.behaviour.note})" if report.behaviour.note else ""
        yield f"behaviour: {report.behaviour.sentence}{note}", _STYLES[str(report.behaviour.level)]
        for violation in report.behaviour.violations[:SHOWN]:
            yield f"  violation: {violation}", ""
        for question, old, new in report.behaviour.moved[:SHOWN]:
            yield f"  {question}: was {old}, is {new}", ""
    for note in report.judgement.notes:
        yield f"not compared: {note}", "dim"
    for stale in report.judgement.stale:
        yield f"acceptance of {stale.entry.fingerprint}: {stale.why}", "yellow"


def _change(change: Change) -> Iterator[tuple[str, str]]:
    style = "dim" if change.accepted else _STYLES[str(change.level)]
    yield f"{note_of(change)}: {change.sentence} [{change.fingerprint}]", style
    if change.effect is not Effect.NONE:
        yield f"  for this client: {change.effect}", ""
    if change.level is Level.BREAKING and change.example:
        for line in value(change.example.text, 400).splitlines():
            yield f"  > {line}", "dim"
        yield f"  {value(change.example.outcome)}", ""


def _names(report: Report) -> str:
    names = report.judgement.names
    if names is None or not (names.added or names.removed or names.changed):
        return "generated names: none changes"
    parts = {"new": names.added, "gone": names.removed, "changed": [name for name, _, _ in names.changed]}
    said = [
        f"{len(found)} {what} ({', '.join(found[:5])}{', ...' if len(found) > 5 else ''})"
        for what, found in parts.items()
        if found
    ]
    return f"generated names: {'; '.join(said)}"

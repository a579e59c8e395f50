"""A report as Markdown, for a pull request or the summary of a job. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..model import Change, Effect
from .escape import fenced, value
from .escape import markdown as escaped
from .report import Behaviour, Report
from .summary import headline, note_of

_LONGEST: Final = 50_000
"""Characters of changes; the body of a pull request may have 65,536."""


def markdown(report: Report) -> str:
    """The report: the verdict first, then each change with its two sides and its example."""
    lines = [f"# Drift: {escaped(headline(report))}", ""]
    lines += [f"From {escaped(report.baseline)} to {escaped(report.upstream)}, {escaped(report.made)}.", ""]
    lines += _changes(report)
    if report.behaviour:
        lines += _behaviour(report.behaviour)
    lines += _names(report)
    lines += [f"- {escaped(f'Not compared: {note}')}" for note in report.judgement.notes]
    for stale in report.judgement.stale:
        lines.append(f"- {escaped(f'The acceptance of {stale.entry.fingerprint} does nothing: {stale.why}')}")
    return "\n".join(lines).rstrip() + f"\n\nallium-market-data {escaped(report.version)}\n"


def unchecked(reason: str, made: str, version: str) -> str:
    """The page of a run that could not check."""
    said = f"# Drift: unchecked\n\nIt could not be checked, {escaped(made)}: {escaped(reason)}\n\n"
    return f"{said}This does not say that the API is unchanged.\n\nallium-market-data {escaped(version)}\n"


def _changes(report: Report) -> list[str]:
    lines: list[str] = []
    size = 0
    changes = report.judgement.changes
    for shown, change in enumerate(changes):
        new = [*_change(change, report), ""]
        size += sum(len(line) + 1 for line in new)
        if size > _LONGEST:
            return [*lines, f"And {len(changes) - shown} more: drift.json has all of them.", ""]
        lines += new
    return lines


def _change(change: Change, report: Report) -> Iterator[str]:
    yield f"## {escaped(change.sentence)}"
    yield ""
    yield f"- Level: {escaped(note_of(change))}"
    if change.effect is not Effect.NONE:
        yield f"- For this client: {escaped(str(change.effect))}"
    yield f"- Where: {escaped(change.where)}"
    yield f"- Was: {escaped(value(change.old))}"
    yield f"- Is: {escaped(value(change.new))}"
    if change.clauses:
        yield f"- Clauses: {escaped(', '.join(change.clauses))}"
    seen = report.seen.get(change.fingerprint)
    if seen:
        yield f"- Seen: first {escaped(seen.first)}, last {escaped(seen.last)}, in {seen.runs} runs"
    yield f"- Fingerprint: {escaped(change.fingerprint)}"
    if change.accepted:
        yield f"- Accepted: {escaped(change.accepted.reason)}"
    if change.example:
        yield f"- Example ({escaped(change.example.kind)}): {escaped(value(change.example.outcome, 600))}"
        yield ""
        yield from fenced(value(change.example.text, 1500))
    elif change.example_note:
        yield f"- Example: {escaped(change.example_note)}"


def _behaviour(behaviour: Behaviour) -> list[str]:
    lines = ["## Behaviour", "", escaped(behaviour.sentence + (f" ({behaviour.note})" if behaviour.note else "")), ""]
    lines += [f"- Violation: {escaped(violation)}" for violation in behaviour.violations]
    lines += [f"- {escaped(f'{question} was {old}, is {new}')}" for question, old, new in behaviour.moved]
    return [*lines, ""]


def _names(report: Report) -> list[str]:
    names = report.judgement.names
    if names is None:
        return []
    lines = [f"- New: {escaped(name)}" for name in names.added]
    lines += [f"- Gone: {escaped(name)}" for name in names.removed]
    lines += [f"- {escaped(f'{name} was {old}, is {new}')}" for name, old, new in names.changed]
    lines += [f"- {escaped(names.note)}"] if names.note else []
    return ["## Generated names", "", *(lines or ["- none changes"]), ""]

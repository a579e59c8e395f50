"""A result as Markdown, for a pull request or the summary of a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...counts import counted
from ..model import Change, Effect, Names
from ..result import Behaviour, CheckResult, Sightings
from .escape import fenced, value
from .escape import markdown as escaped
from .summary import level_text, summary

_LONGEST: Final = 50_000
"""Characters of changes in full, the worst first; further ones get one line each."""


def markdown(result: CheckResult) -> str:
    """The report: the verdict first, then each change with its two sides and its example."""
    judgement = result.judgement
    lines = [f"# Drift: {escaped(summary(result))}", ""]
    lines += [f"From {escaped(result.baseline)} to {escaped(result.upstream)}, {escaped(result.checked_at)}.", ""]
    lines += _changes(result)
    if result.behaviour:
        lines += _behaviour(result.behaviour)
    if judgement.names:
        lines += _names(judgement.names)
    lines += [f"- {escaped(f'Not compared: {note}')}" for note in judgement.notes]
    for stale in judgement.stale:
        lines.append(f"- {escaped(f'The acceptance of {stale.entry.fingerprint} has no effect: {stale.why}')}")
    return "\n".join(lines).rstrip() + f"\n\nallium-market-data {escaped(result.version)}\n"


def unchecked(reason: str, checked_at: str, version: str) -> str:
    """The report of a run that failed."""
    text = f"# Drift: unchecked\n\nThe check of {escaped(checked_at)} failed: {escaped(reason)}\n\n"
    return f"{text}The API may or may not have changed.\n\nallium-market-data {escaped(version)}\n"


def _changes(result: CheckResult) -> list[str]:
    lines: list[str] = []
    size = 0
    changes = result.judgement.changes
    for shown, change in enumerate(changes):
        new = [*_change(change, result.sightings.get(change.fingerprint)), ""]
        size += sum(len(line) + 1 for line in new)
        if size > _LONGEST:
            rest = [
                f"- {escaped(f'{level_text(each)}: {each.sentence} [{each.fingerprint}]')}" for each in changes[shown:]
            ]
            return [*lines, "## More changes, in short", "", *rest, ""]
        lines += new
    return lines


def _change(change: Change, sightings: Sightings | None) -> Iterator[str]:
    yield f"## {escaped(change.sentence)}"
    yield ""
    yield f"- Level: {escaped(level_text(change))}"
    if change.effect is not Effect.NONE:
        yield f"- Effect on this client: {escaped(str(change.effect))}"
    yield f"- Where: {escaped(change.where)}"
    yield f"- Before: {escaped(value(change.old))}"
    yield f"- Now: {escaped(value(change.new))}"
    if change.clauses:
        yield f"- Clauses: {escaped(', '.join(change.clauses))}"
    if sightings:
        seen = f"first {sightings.first}, last {sightings.last}, in {counted(sightings.runs, 'run')}"
        yield f"- Seen: {escaped(seen)}"
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
    note = f" ({behaviour.note})" if behaviour.note else ""
    details = [f"- Violation: {escaped(violation)}" for violation in behaviour.violations]
    details += [f"- {escaped(f'{question} was {old}, is {new}')}" for question, old, new in behaviour.changed_readings]
    return ["## Server", "", escaped(behaviour.sentence + note), "", *(details and [*details, ""])]


def _names(names: Names) -> list[str]:
    lines = [f"- New: {escaped(name)}" for name in names.added]
    lines += [f"- Removed: {escaped(name)}" for name in names.removed]
    lines += [f"- {escaped(f'{name} was {old}, is {new}')}" for name, old, new in names.changed]
    lines += [f"- {escaped(names.note)}"] if names.note else []
    return ["## Generated names", "", *(lines or ["- unchanged"]), ""]

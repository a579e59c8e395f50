"""The values that make up a judgement. All are frozen; `Judgement.data` turns them into plain JSON data."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from ..codegen.canonical import canonical
from ..counts import counted


class Level(enum.IntEnum):
    """How much a change matters. The verdict of a judgement is its highest level."""

    NONE = 0
    DOCS = 1
    COMPATIBLE = 2
    LOOK = 3
    """A sentence about the contract is new or reworded: a person has to read what it changes."""
    BREAKING = 4

    def __str__(self) -> str:
        return self.name.lower()


class Effect(enum.Enum):
    """What a change does to this client."""

    NONE = "none"
    HARMLESS = "harmless to this client though breaking in general"
    DECODING = "breaks decoding"
    REQUEST = "breaks a request"
    PLANNER = "the planner's numbers may be wrong"
    MEANING = "the rows may mean something else"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Example:
    """A request or the JSON body of a response that shows a break, and who refuses it with which message."""

    kind: str
    """``request`` or ``response``."""
    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An entry of ``spec/drift-accepted.toml``: a change that a person has accepted. Both dates are ISO 8601 dates."""

    fingerprint: str
    reason: str
    date: str
    until: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    ``place`` is a JSON pointer into the new document (into the old one for a removal), or ``prose``; ``where`` says the
    same in words. ``kind`` is a slug such as ``response.enum``. ``old`` and ``new`` are plain JSON data, None for a side that
    has nothing there. ``cannot_tell`` marks a break that may be none. ``clauses`` are ids of ``spec/clauses.toml``.
    ``example`` shows a break; ``example_note`` says why there is none. ``nearest`` is, for a lost clause, the new sentence
    that is most similar.
    """

    fingerprint: str
    level: Level
    place: str
    where: str
    kind: str
    old: Any
    new: Any
    sentence: str
    effect: Effect = Effect.NONE
    cannot_tell: bool = False
    operations: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    example: Example | None = None
    example_note: str = ""
    nearest: str = ""
    accepted: Acceptance | None = None


def fingerprint(*parts: Any) -> str:
    """Twelve hexadecimal digits that identify plain data: the same for the same change, whatever else changed."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class StaleAcceptance:
    """An entry without effect; ``why`` is that it matches no change, or that it has expired."""

    entry: Acceptance
    why: str


@dataclass(frozen=True, slots=True)
class Names:
    """Public names of the generated package that are added, removed or changed; ``note`` says why that is unknown.

    A changed name comes with its old and its new signature.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All changes, the worst first; ``notes`` say what was not compared."""

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    stale: tuple[StaleAcceptance, ...] = ()
    names: Names | None = None

    @property
    def verdict(self) -> Level:
        """The highest level of the changes that have not been accepted."""
        return max((change.level for change in self.changes if change.accepted is None), default=Level.NONE)

    def at(self, level: Level) -> tuple[Change, ...]:
        """The changes of one level."""
        return tuple(change for change in self.changes if change.level is level)

    def with_names(self, names: Names) -> Judgement:
        """The same judgement with the changes of generated names."""
        return replace(self, names=names)

    def data(self) -> dict[str, Any]:
        """The judgement as plain JSON data, with its verdict."""
        return {"verdict": str(self.verdict), **_plain(self)}


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each change once, the worst first, then by place."""
    once = {change.fingerprint: change for change in changes}
    return tuple(
        sorted(once.values(), key=lambda change: (-change.level, change.where, change.kind, change.fingerprint))
    )


def grouped(changes: Iterable[Change]) -> list[Change]:
    """Changes that are equal but for their operation as one change, which lists all operations."""
    groups: dict[str, list[Change]] = {}
    for each in changes:
        same = [each.level, each.kind, each.sentence, each.old, each.new, each.effect, each.clauses, each.cannot_tell]
        shown = [each.where.partition(": ")[2], each.example is not None, each.example_note]
        groups.setdefault(canonical(_plain([*same, *shown]) if each.operations else each.fingerprint), []).append(each)
    return [group[0] if len(group) == 1 else _as_one(group) for group in groups.values()]


def _as_one(group: list[Change]) -> Change:
    names = tuple(sorted({name for each in group for name in each.operations}))
    part = group[0].where.partition(": ")[2]
    where = f"{counted(len(names), 'operation')}{f': {part}' if part else ''}"
    return replace(
        group[0],
        operations=names,
        where=where,
        fingerprint=fingerprint(group[0].kind, sorted(each.fingerprint for each in group)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return str(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

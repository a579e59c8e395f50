"""A change before it is judged as a whole: what was found, where on both sides, and what it could be shown on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..model import Change, Level, fingerprint
from .operations import Operation


@dataclass(frozen=True, slots=True)
class Location:
    """What a change is about, for whoever looks for an example or an effect.

    ``part`` is ``parameter``, ``body``, ``answer``, ``header`` or ``access``, ``name`` the key of the parameter or the
    status, ``media`` the media type of a body, and ``path`` leads from the schema to the value at fault.
    """

    old: Operation | None = None
    new: Operation | None = None
    part: str = ""
    name: str = ""
    media: str = ""
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding of one operation. ``spot`` and ``old_pointer`` are JSON pointers into the new and the old document."""

    level: Level
    kind: str
    logical: tuple[str | int, ...]
    where: str
    sentence: str
    old: Any = None
    new: Any = None
    spot: str = ""
    old_pointer: str = ""
    cannot_tell: bool = False
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True)
class Finding:
    """A change, its pointer into the old document, its logical place, and what it is about."""

    change: Change
    old_pointer: str
    logical: tuple[str | int, ...]
    location: Location


def merged(drafts: Iterable[Draft]) -> list[Finding]:
    """The drafts as changes; what several operations share in one place of the document is one change."""
    same: dict[Any, list[Draft]] = {}
    for draft in drafts:
        place = (draft.spot, draft.old_pointer) if draft.spot or draft.old_pointer else draft.logical
        same.setdefault((place, draft.kind, draft.location.path[-2:]), []).append(draft)
    return [_change(sorted(group, key=lambda draft: (-draft.level, str(draft.logical)))) for group in same.values()]


def _change(group: list[Draft]) -> Finding:
    first = group[0]
    spoken_of = [draft.location.old or draft.location.new for draft in group]
    names = {operation.name for operation in spoken_of if operation is not None}
    change = Change(
        fingerprint=fingerprint(str(first.level), first.kind, list(first.logical), first.old, first.new),
        level=first.level,
        place=first.spot or first.old_pointer,
        where=first.where,
        kind=first.kind,
        old=first.old,
        new=first.new,
        sentence=first.sentence,
        cannot_tell=first.cannot_tell,
        operations=tuple(sorted(names)),
    )
    return Finding(change, first.old_pointer, first.logical, first.location)

"""A change together with where it was found, before it is judged as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..model import Change, Level, fingerprint
from ..schema.schema import Path
from .operations import Operation


@dataclass(frozen=True, slots=True)
class Location:
    """The part of an operation that a change is about.

    ``part`` is ``parameter``, ``body``, ``response``, ``header``, ``status``, ``access``, ``operation`` or ``words``;
    ``name`` is the key of the parameter or the status, ``media`` the media type of a body, and ``path`` leads from the
    schema to the value at fault.
    """

    old: Operation | None = None
    new: Operation | None = None
    part: str = ""
    name: str = ""
    media: str = ""
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A change, its JSON pointers into both documents (old, new), its logical path, and its location.

    The logical path is the same wherever a document keeps a part: it goes from operation to parameter or response to schema.
    """

    change: Change
    pointers: tuple[str, str]
    logical_path: Path
    location: Location


def finding(
    level: Level,
    kind: str,
    logical_path: Path,
    where: str,
    sentence: str,
    values: tuple[Any, Any],
    pointers: tuple[str, str],
    location: Location,
    *,
    cannot_tell: bool = False,
) -> Finding:
    """A finding; ``values`` and ``pointers`` are those of the old and of the new document."""
    operation = location.old or location.new
    change = Change(
        fingerprint=fingerprint(str(level), kind, list(logical_path), *values),
        level=level,
        place=pointers[1] or pointers[0],
        where=where,
        kind=kind,
        old=values[0],
        new=values[1],
        sentence=sentence,
        cannot_tell=cannot_tell,
        operations=(operation.name,) if operation else (),
    )
    return Finding(change, pointers, logical_path, location)


def operation_finding(
    level: Level,
    kind: str,
    what: str,
    sentence: str,
    location: Location,
    values: tuple[Any, Any] = (None, None),
    pointers: tuple[str, str] | None = None,
    *,
    cannot_tell: bool = False,
) -> Finding:
    """A finding about a part of two operations other than a schema; ``pointers`` default to those of the operations."""
    old, new = location.old, location.new
    named = old or new
    if named is None:
        raise ValueError("a finding about an operation needs one")
    places = pointers or (old.pointer if old else "", new.pointer if new else "")
    where, path = f"{named.name}: {what}", (kind, *named.key, what)
    return finding(level, kind, path, where, sentence, values, places, location, cannot_tell=cannot_tell)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings; what several operations share in one place of the document is one of them."""
    groups: dict[Any, list[Finding]] = {}
    for each in findings:
        place = each.pointers if any(each.pointers) else each.logical_path
        groups.setdefault((place, each.change.kind, each.location.path[-2:]), []).append(each)
    return [_combined(group) for group in groups.values()]


def _combined(group: list[Finding]) -> Finding:
    first = min(group, key=lambda each: (-each.change.level, str(each.logical_path)))
    names = {name for each in group for name in each.change.operations}
    return replace(first, change=replace(first.change, operations=tuple(sorted(names))))

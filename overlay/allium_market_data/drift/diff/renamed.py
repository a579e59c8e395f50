"""A part that has another name is one change, and not one for the part that is gone and one for the part that is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...codegen.renames import Rename
from ..model import fingerprint
from .finding import Finding

_GONE = {
    "parameter.removed",
    "header.removed",
    "response.required",
    "response.optional-field-gone",
    "operation.removed",
}
_NEW = {"response.required", "parameter.added", "header.added", "response.new-field", "operation.added"}


def joined(findings: Sequence[Finding], renames: Sequence[Rename]) -> list[Finding]:
    """The findings, with those about the two names of one part as one; its level is that of the removal."""
    gone, new = ([each for each in findings if each.change.kind in kinds] for kinds in (_GONE, _NEW))
    replaced: dict[int, Finding] = {}
    dropped: set[int] = set()
    for rename in renames:
        for old in [each for each in gone if _is_about(each, rename, 0)]:
            added = [each for each in new if _is_about(each, rename, 1) and _is_counterpart(old, each, rename)]
            if added:
                newest = max(added, key=lambda each: each.change.kind != "response.required")
                replaced[id(old)] = _as_one(old, newest, rename)
                dropped.update(map(id, added))
    return [replaced.get(id(each), each) for each in findings if id(each) not in dropped]


def _is_about(finding: Finding, rename: Rename, side: int) -> bool:
    pointer, name = rename.pointers[side], (rename.old, rename.new)[side]
    match rename.kind:
        case "field":
            return finding.location.path[-2:] == ("properties", name)
        case "path":
            return finding.change.kind.startswith("operation.") and finding.pointers[side].startswith(f"{pointer}/")
        case _:
            return finding.change.kind.startswith(f"{rename.kind}.") and finding.pointers[side] == pointer


def _is_counterpart(old: Finding, new: Finding, rename: Rename) -> bool:
    if rename.kind == "path":
        return old.pointers[0].rpartition("/")[2] == new.pointers[1].rpartition("/")[2]
    places = [(each.location.part, each.location.path[:-1]) for each in (old, new)]
    return rename.kind != "field" or (places[0] == places[1] and old.location.name == new.location.name)


def _as_one(old: Finding, new: Finding, rename: Rename) -> Finding:
    kind = f"{'response' if rename.kind == 'field' else old.change.kind.partition('.')[0]}.renamed"
    what = {"path": f"{old.change.old}", "field": f"The field {rename.old}"}.get(
        rename.kind, f"The {rename.kind} {rename.old}"
    )
    name = new.change.new if rename.kind == "path" else rename.new
    pointers = (old.pointers[0], new.pointers[1])
    change = replace(
        old.change,
        kind=kind,
        place=pointers[1] or pointers[0],
        old=old.change.old if rename.kind == "path" else rename.old,
        new=name,
        sentence=f"{what} is now called {name}; it is otherwise the same.",
        fingerprint=fingerprint(kind, list(old.logical_path), rename.old, rename.new),
    )
    return replace(old, change=change, pointers=pointers)

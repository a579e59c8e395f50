"""Edits of ``spec/overlay.yaml`` and ``spec/clauses.toml`` that follow from a new page, and questions where none follows.

A place that moved or was renamed is followed, a quote is taken again from the text that replaced it, and a value that an
extension takes from a clause is read again. What already fits the new page is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .alignment import align
from .canonical import resolve
from .clause_edits import additions, edited_entry, lost_entries, without_new_pages, written
from .clauses import Published, read_entries
from .overlay_edits import read_again, retargeted


@dataclass(frozen=True, slots=True)
class Proposal:
    """The texts of both files, as they are or as edited; what was renamed; and what a person must decide."""

    overlay: str
    clauses: str
    renames: tuple[str, ...]
    questions: tuple[str, ...]


def propose(overlay: str, clauses: str, old: Published, new: Published) -> Proposal:
    """The edits that make both files fit the new page. Raises `SpecError` for files that cannot be read."""
    questions: list[str] = []
    moves = align(old.document, new.document)
    entries = read_entries(clauses)
    edited = [edited_entry(entry, old, new, moves) for entry in entries]
    questions += lost_entries(clauses, entries, edited)
    kept = [entry for entry in edited if entry is not None]
    added, unexplained = additions(kept, without_new_pages(new, old))
    questions += unexplained
    clauses = written(clauses, entries, edited, added)
    overlay, lost = retargeted(overlay, old, new, moves)
    questions += lost
    overlay, undecided = (overlay, []) if lost else read_again(overlay, kept, new)
    return Proposal(overlay, clauses, tuple(_renames(moves, old, new)), (*questions, *undecided))


def _renames(moves: Mapping[str, str], old: Published, new: Published) -> Iterator[str]:
    """A sentence for each parameter, field or path that has another name."""
    for before, after in moves.items():
        was, now = (pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~") for pointer in (before, after))
        if before.startswith("/paths/") and before.count("/") == 2 and was != now:
            yield f"the path {was} is now {now}"
        elif before.rpartition("/")[0].endswith("/properties") and was != now:
            yield f"the field {was} is now {now}"
        else:
            left, right = resolve(old.document, before), resolve(new.document, after)
            if (
                isinstance(left, dict)
                and isinstance(right, dict)
                and "in" in left
                and left.get("name") != right.get("name")
            ):
                kind = "parameter" if "schema" in left else "header of the key"
                yield f"the {kind} {left.get('name')} is now {right.get('name')}"

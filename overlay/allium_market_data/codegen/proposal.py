"""Edits of ``spec/overlay.yaml`` and ``spec/clauses.toml`` that follow from a new page, and questions where none follows.

A place that moved or was renamed is followed, a quote is taken again from the text that replaced it, and a value that an
extension takes from a clause is read again. What already fits the new page is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from .alignment import align
from .clause_edits import additions, edited_entry, lost_entries, without_new_pages, written
from .clauses import Published, read_entries
from .overlay_edits import read_again, retargeted
from .renames import renames


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
    found = renames(old.document, new.document)
    renamed = tuple(f"the {rename.kind} {rename.old} is now {rename.new}" for rename in found)
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
    return Proposal(overlay, clauses, renamed, (*questions, *undecided))

"""The judgement of an update of the specification, before anything of it is put in place."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Final

from ..codegen import lock
from ..codegen.file_tree import read as read_tree
from ..codegen.project import DOCUMENT, LOCK, PACKAGE, UPSTREAM, Plan
from ..version import VERSION
from . import spec_files
from .accepted import accept, read_accepted
from .diff.clauses import read_clauses
from .impact.names import names
from .judge import judge
from .report.report import Report
from .source import Source

ACCEPTED: Final = "spec/drift-accepted.toml"
CLAUSES: Final = "spec/clauses.toml"


def report(plan: Plan, made: dt.datetime) -> Report | None:
    """What the plan's pages change against those that everything was last made from; None where nothing was yet.

    Raises `SpecError` where they cannot be compared.
    """
    root = plan.root
    old = _before(root)
    if not old:
        return None
    found = plan.contents.items()
    new = [
        (Path(path).name, data) for path, data in found if path.startswith(f"{UPSTREAM}/") and isinstance(data, bytes)
    ]
    clauses = read_clauses(_text(root, CLAUSES)) if (root / CLAUSES).is_file() else ()
    judgement = judge(Source.of_bytes(old), Source.of_bytes(new), clauses)
    if (root / ACCEPTED).is_file():
        judgement = accept(judgement, read_accepted(_text(root, ACCEPTED)), made.date())
    generated = plan.contents[PACKAGE]
    if judgement.changes and isinstance(generated, dict):
        judgement = judgement.with_names(names(read_tree(root / PACKAGE), generated))
    return Report(judgement, "the specification as it is", "the specification as it will be", f"{made:%FT%TZ}", VERSION)


def _before(root: Path) -> list[tuple[str, bytes]]:
    """The pages that everything was last made from; where one was since replaced by hand, the document made from them."""
    locked = lock.read(_text(root, LOCK)).pages if (root / LOCK).is_file() else ()
    pages = [(page.file, root / UPSTREAM / page.file) for page in locked]
    read = [(name, place.read_bytes()) for name, place in pages if place.is_file()]
    if [hashlib.sha256(data).hexdigest() for _, data in read] == [page.sha256 for page in locked]:
        return read
    return [(DOCUMENT, (root / DOCUMENT).read_bytes())] if (root / DOCUMENT).is_file() else []


def _text(root: Path, name: str) -> str:
    return spec_files.text(root / name)

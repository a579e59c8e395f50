"""The judgement of an update of the specification, before anything of it is put in place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ..upstream.project import PACKAGE, UPSTREAM, Plan
from ..upstream.tree import read as read_tree
from ..version import VERSION
from . import spec_files
from .accepted import accept
from .accepted import read as read_accepted
from .clauses import read as read_clauses
from .judge import judge
from .names import names
from .report import Report
from .source import Source

ACCEPTED = "spec/drift-accepted.toml"
CLAUSES = "spec/clauses.toml"


def report(plan: Plan, made: dt.datetime) -> Report | None:
    """What the plan's pages change against those of its folder; None where the folder has none yet.

    Raises `SpecError` where they cannot be compared.
    """
    root = plan.root
    old = [(place.name, place.read_bytes()) for place in sorted((root / UPSTREAM).glob("*.md"))]
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
    return Report(judgement, f"{UPSTREAM} as it is", f"{UPSTREAM} as it will be", f"{made:%FT%TZ}", VERSION)


def _text(root: Path, name: str) -> str:
    return spec_files.text(root / name)

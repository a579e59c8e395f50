"""The check of ``nox -s update_spec``: what an update of the specification changes, before it is applied."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Final

from ..codegen import lock
from ..codegen.clauses import CLAUSES
from ..codegen.file_tree import read as read_tree
from ..codegen.project import DOCUMENT, LOCK, PACKAGE, UPSTREAM, Plan
from ..model.times import to_iso
from ..version import VERSION
from . import spec_files
from .check import compare
from .impact.names import compare_names
from .result import CheckResult
from .source import Source

ACCEPTED: Final = "spec/drift-accepted.toml"


def check_update(plan: Plan, checked_at: dt.datetime) -> CheckResult | None:
    """What the new pages change compared with those that were last generated from; None before the first generation.

    Raises `SpecError` if they cannot be compared.
    """
    root = plan.root
    old = _generated_from(root)
    if not old:
        return None
    new = [
        (Path(path).name, content)
        for path, content in plan.contents.items()
        if path.startswith(f"{UPSTREAM}/") and isinstance(content, bytes)
    ]
    clauses, accepted = (path if path.is_file() else None for path in (root / CLAUSES, root / ACCEPTED))
    judgement = compare(
        Source.of_bytes(old), Source.of_bytes(new), checked_at.date(), clauses=clauses, accepted=accepted
    )
    package = plan.contents[PACKAGE]
    if judgement.changes and isinstance(package, dict):
        judgement = judgement.with_names(compare_names(read_tree(root / PACKAGE), package))
    return CheckResult(
        judgement,
        "the current specification",
        "the updated specification",
        to_iso(checked_at.replace(microsecond=0)),
        VERSION,
    )


def _generated_from(root: Path) -> list[tuple[str, bytes]]:
    """The pages that were last generated from; if one was edited since, the document that was made from them."""
    locked = lock.read(spec_files.read_text(root / LOCK)).pages if (root / LOCK).is_file() else ()
    paths = [root / UPSTREAM / page.file for page in locked]
    pages = [(path.name, path.read_bytes()) for path in paths if path.is_file()]
    if [hashlib.sha256(data).hexdigest() for _, data in pages] == [page.sha256 for page in locked]:
        return pages
    return [(DOCUMENT, (root / DOCUMENT).read_bytes())] if (root / DOCUMENT).is_file() else []

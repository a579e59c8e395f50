"""One run of the check: both sides are read and compared, and accepted changes and generated names are added."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from ..codegen import lock
from ..codegen.canonical import digest, same
from ..codegen.clauses import read_clauses
from ..codegen.fetch import fetch
from ..model.times import to_iso
from ..version import VERSION
from . import spec_files
from .accepted import accept, read_accepted
from .judge import judge
from .model import Judgement, Names
from .result import CheckResult
from .source import Source

Read = Callable[[str], bytes]
"""Reads a file or an address."""


def check(
    checked_at: dt.datetime,
    *,
    upstream: Sequence[str] = (),
    baseline: Sequence[str] = (),
    accepted: Path | None = None,
    read: Read = fetch,
) -> CheckResult:
    """Compare the upstream pages with the baseline: files or addresses, by default the published and this client's pages.

    Raises `SpecError` for everything that cannot be read or compared; that is never a result without changes.
    """
    folder = spec_files.folder()
    old = _source(baseline, read) if baseline else Source.of_bytes(spec_files.pages())
    new = _source(upstream or published_addresses(), read)
    judgement = compare(
        old,
        new,
        checked_at.date(),
        clauses=folder / "clauses.toml",
        accepted=accepted or folder / "drift-accepted.toml",
    )
    if not same(old.document, new.document):
        judgement = judgement.with_names(_names(old, new))
    return CheckResult(judgement, old.name, new.name, to_iso(checked_at.replace(microsecond=0)), VERSION)


def compare(old: Source, new: Source, today: dt.date, *, clauses: Path | None, accepted: Path | None) -> Judgement:
    """The judgement of two sources, with the clauses of one file and the accepted changes of another."""
    entries = read_accepted(spec_files.read_text(accepted), where=str(accepted)) if accepted else ()
    judgement = judge(old, new, read_clauses(spec_files.read_text(clauses), where=str(clauses)) if clauses else ())
    return accept(judgement, entries, today)


def published_addresses() -> tuple[str, ...]:
    """Where the pages of this client are published, according to the lock file. Raises `SpecError` if it has none."""
    return _lock().addresses("name the page with --upstream")


def _lock() -> lock.Lock:
    return lock.read(spec_files.read_text(spec_files.folder() / "lock.toml"))


def _source(names: Sequence[str], read: Read) -> Source:
    return Source.of_bytes([(name, read(name)) for name in names])


def _names(old: Source, new: Source) -> Names:
    """The generated names that change; known only if the baseline is what the installed package was generated from."""
    from .impact.names import changed_names

    if digest(old.document) != _lock().merged:
        return Names(note="not compared: the baseline is not the document that this client was generated from")
    return changed_names(new.document)

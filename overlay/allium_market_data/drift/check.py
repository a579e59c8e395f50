"""One run of the check: both sides read, the judgement, what people accepted, and the names. No output of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..codegen import lock
from ..codegen.canonical import digest, same
from ..codegen.fetch import fetch
from . import spec_files
from .accepted import accept, read_accepted
from .diff.clauses import read_clauses
from .judge import judge
from .model import Judgement, Names
from .source import Source

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compared: files or addresses (empty: those of the lock file, and the pages of this client)."""

    upstream: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    accepted: Path | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The judgement, and what the two sides are called."""

    judgement: Judgement
    baseline: str
    upstream: str


def check(wanted: Wanted, today: dt.date, *, read: Read = fetch) -> Checked:
    """Compare. Raises `SpecError` for whatever cannot be read or compared; that is never a judgement of no change."""
    baseline = _source(wanted.baseline, read) if wanted.baseline else Source.of_bytes(spec_files.pages())
    accepted = wanted.accepted or spec_files.folder() / "drift-accepted.toml"
    entries = read_accepted(spec_files.text(accepted), where=str(accepted))
    upstream = _source(wanted.upstream or addresses(), read)
    judgement = accept(compared(baseline, upstream), entries, today)
    return Checked(judgement, baseline.name, upstream.name)


def compared(baseline: Source, upstream: Source) -> Judgement:
    """The judgement, with the names of the generated package where the documents differ."""
    place = spec_files.folder() / "clauses.toml"
    judgement = judge(baseline, upstream, read_clauses(spec_files.text(place), where=str(place)))
    if same(baseline.document, upstream.document):
        return judgement
    return judgement.with_names(_names(baseline, upstream))


def addresses() -> tuple[str, ...]:
    """Where the pages of this client are published, by the lock file. Raises `SpecError` where it knows none."""
    return _lock().addresses("say where with --upstream")


def _lock() -> lock.Lock:
    return lock.read(spec_files.text(spec_files.folder() / "lock.toml"))


def _source(sources: Sequence[str], read: Read) -> Source:
    return Source.of_bytes([(source, read(source)) for source in sources])


def _names(baseline: Source, upstream: Source) -> Names:
    """The names that change; only known for the document that the installed package was generated from."""
    from .impact.regenerated import changed_names

    if digest(baseline.document) != _lock().merged:
        return Names(note="not compared: the baseline is not the document that this client was generated from")
    return changed_names(upstream.document)

"""The history of the drift check: JSON Lines, and when each change was first and last seen.

A line has ``checked_at`` (ISO 8601, UTC), ``verdict`` (a level, or ``unchecked``), ``fingerprints`` (a list of strings) and
``run`` (the id of the run). A run appends an ``unchecked`` line when it starts, and its result when it ends. The last line
of a run counts, so a run that was killed counts as unchecked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from ..errors import SpecError
from ..formats.atomic_file import output_errors
from .model import Level
from .result import UNCHECKED, Sightings

_VERDICTS: Final = {*map(str, Level), UNCHECKED}
_KEYS: Final = ("checked_at", "verdict", "fingerprints")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One run."""

    checked_at: str
    verdict: str
    fingerprints: tuple[str, ...] = ()
    run: str = ""
    """The id of the run; "" if it is unknown, and then the line is a run of its own."""

    def line(self) -> bytes:
        """The line of the file, with its line end."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read_history(path: Path) -> tuple[HistoryEntry, ...]:
    """The last entry of each run, in order; none if the file does not exist. Raises `SpecError` with the line at fault."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as problem:
        raise SpecError(str(path), f"cannot be read: {problem.strerror}") from None
    lines = enumerate(data.split(b"\n"), 1)
    entries = (_entry(line, f"{path}, line {number}") for number, line in lines if line.strip())
    runs = {entry.run or number: entry for number, entry in enumerate(entries)}
    return tuple(runs.values())


def _entry(line: bytes, where: str) -> HistoryEntry:
    try:
        raw: Any = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise SpecError(where, f"not JSON: {problem}") from None
    checked_at, verdict, fingerprints = (raw.get(key) if isinstance(raw, dict) else None for key in _KEYS)
    run = raw.get("run", "") if isinstance(raw, dict) else ""
    is_verdict = isinstance(verdict, str) and verdict in _VERDICTS
    if not (isinstance(checked_at, str) and is_verdict and _are_strings(fingerprints) and isinstance(run, str)):
        raise SpecError(where, f"not a run of the drift check: it needs {', '.join(_KEYS)}")
    return HistoryEntry(checked_at, str(verdict), tuple(fingerprints), run)


def _are_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def append(path: Path, entry: HistoryEntry) -> None:
    """Append an entry in one write, so that lines of concurrent runs do not mix. Raises ``OutputError``.

    If the last line has no line end, it gets one first.
    """
    with output_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(handle).st_size
            is_unfinished = bool(size) and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if is_unfinished else b"") + entry.line())
        finally:
            os.close(handle)


def sightings(entries: Iterable[HistoryEntry]) -> dict[str, Sightings]:
    """The sightings of each fingerprint; the entries may be in any order."""
    known: dict[str, Sightings] = {}
    for entry in sorted(entries, key=lambda entry: entry.checked_at):
        for fingerprint in set(entry.fingerprints):
            before = known.get(fingerprint, Sightings(entry.checked_at, entry.checked_at, 0))
            known[fingerprint] = Sightings(before.first, entry.checked_at, before.runs + 1)
    return known

"""The history of the check: JSON Lines, a line for each run, and when each change was first and last seen.

A line holds ``made`` (ISO 8601, UTC), ``verdict`` (a level, or ``unchecked``) and ``fingerprints``, a list of text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from ..errors import SpecError
from ..formats.atomic_file import output_errors
from .model import Level
from .report.report import UNCHECKED, Seen

_VERDICTS: Final = {str(level) for level in Level} | {UNCHECKED}


@dataclass(frozen=True, slots=True)
class Run:
    """One run."""

    made: str
    verdict: str
    fingerprints: tuple[str, ...] = ()

    def line(self) -> bytes:
        """The run as its line, with the line end."""
        plain = {"made": self.made, "verdict": self.verdict, "fingerprints": list(self.fingerprints)}
        return json.dumps(plain).encode() + b"\n"


def read(path: Path) -> tuple[Run, ...]:
    """All runs of a file, in its order; none where there is no file. `SpecError` says which line is broken."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as problem:
        raise SpecError(str(path), f"cannot be read: {problem.strerror}") from None
    lines = data.split(b"\n")
    return tuple(_run(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip())


def _run(line: bytes, where: str) -> Run:
    try:
        raw: Any = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise SpecError(where, f"is no JSON: {problem}") from None
    made, verdict, prints = (raw.get(key) if isinstance(raw, dict) else None for key in _KEYS)
    if not isinstance(made, str) or not isinstance(verdict, str) or verdict not in _VERDICTS or not _are_texts(prints):
        raise SpecError(where, f"is no run: it needs {', '.join(_KEYS)}")
    return Run(made, verdict, tuple(prints))


_KEYS: Final = ("made", "verdict", "fingerprints")


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def append(path: Path, run: Run) -> None:
    """Add a run in one write at the end of the file, so that runs at the same time do not mix their lines.

    A last line without its line end gets it first. Raises ``OutputError``.
    """
    with output_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(handle).st_size
            open_ended = bool(size) and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if open_ended else b"") + run.line())
        finally:
            os.close(handle)


def seen(runs: Iterable[Run]) -> dict[str, Seen]:
    """When each fingerprint was first and last seen, and in how many of the runs; the runs in any order."""
    found: dict[str, Seen] = {}
    for run in sorted(runs, key=lambda run: run.made):
        for one in set(run.fingerprints):
            before = found.get(one, Seen(run.made, run.made, 0))
            found[one] = Seen(before.first, run.made, before.runs + 1)
    return found

"""The files of ``--report-dir``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ...errors import OutputError
from ...formats.atomic_file import AtomicFile, output_errors, resolve_target
from ..result import UNCHECKED, CheckResult
from . import html, markdown


def files(result: CheckResult) -> dict[str, str]:
    """The reports by file name."""
    return {
        "drift.json": _json(result.data()),
        "drift.md": markdown.markdown(result),
        "drift.html": html.html(result),
    }


def unchecked_files(reason: str, checked_at: str, version: str) -> dict[str, str]:
    """The reports of a run that failed. They replace those of an earlier run."""
    data = {"verdict": UNCHECKED, "reason": reason, "changes": [], "checked_at": checked_at, "version": version}
    return {
        "drift.json": _json(data),
        "drift.md": markdown.unchecked(reason, checked_at, version),
        "drift.html": html.unchecked(reason, checked_at, version),
    }


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the files atomically, and none before all of them are on the disk. Raises ``OutputError``.

    The folder is created if it is missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot write {folder}: {problem.strerror or problem}") from None
    with ExitStack() as stack, output_errors(folder):
        written = []
        for name, text in contents.items():
            file = AtomicFile(resolve_target(folder / name, overwrite=True))
            stack.callback(file.rollback)
            file.stream.write(text.encode("utf-8", "backslashreplace"))
            written.append(file)
        for file in written:
            file.commit(overwrite=True)

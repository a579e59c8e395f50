"""The files of ``--report-dir``: all of them, in one go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ...errors import OutputError
from ...formats.atomic_file import AtomicFile, output_errors, resolve_target
from . import html, markdown
from .report import UNCHECKED, Report


def files(report: Report) -> dict[str, str]:
    """The report in every format, by file name."""
    return {
        "drift.json": _json(report.data()),
        "drift.md": markdown.markdown(report),
        "drift.html": html.html(report),
    }


def unchecked_files(reason: str, made: str, version: str) -> dict[str, str]:
    """The same of a run that could not check, so that no older report can be taken for it."""
    plain = {"verdict": UNCHECKED, "reason": reason, "changes": [], "made": made, "version": version}
    return {
        "drift.json": _json(plain),
        "drift.md": markdown.unchecked(reason, made, version),
        "drift.html": html.unchecked(reason, made, version),
    }


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the files, each whole or not at all, and none before all of them are on the disk.

    The folder is made where it is missing. Raises ``OutputError``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot write {folder}: {problem.strerror or problem}") from None
    with ExitStack() as stack, output_errors(folder):
        made = []
        for name, text in contents.items():
            file = AtomicFile(resolve_target(folder / name, overwrite=True))
            stack.callback(file.rollback)
            file.stream.write(text.encode("utf-8", "backslashreplace"))
            made.append(file)
        for file in made:
            file.commit(overwrite=True)

"""Folders as {relative path: bytes}: read one, compare two, and replace several files and folders as a whole."""

from __future__ import annotations

import difflib
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

Tree: TypeAlias = dict[str, bytes]
"""A folder: paths with forward slashes, relative to it, and the bytes of each file."""

_DIFF_LINES: Final = 12


def read(folder: Path) -> Tree:
    """The files below a folder, sorted, without Python's caches. A missing folder is empty."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def compare(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """The differences between two trees: a line or a short diff for each file."""
    report = []
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            report.append(f"missing: {path}")
        elif path not in new:
            report.append(f"extra: {path}")
        elif old[path] != new[path]:
            report.append(f"changed: {path}\n{_diff(old[path], new[path])}".rstrip())
    return report


def _diff(old: bytes, new: bytes) -> str:
    try:
        left, right = (data.decode().splitlines() for data in (old, new))
    except UnicodeDecodeError:
        return f"  {len(old)} bytes against {len(new)}"
    lines = list(difflib.unified_diff(left, right, "as it is", "as it should be", n=1, lineterm=""))
    if not lines:
        return "  only line ends differ"
    shown = lines[: _DIFF_LINES + 2]
    if len(lines) > len(shown):
        shown.append(f"... {len(lines) - len(shown)} more lines")
    return "\n".join("  " + line for line in shown)


def swap(root: Path, contents: Mapping[str, bytes | Tree | None]) -> None:
    """Replace files (bytes) and folders (trees) below ``root``, and remove others (None): all of them or none.

    New content is written next to its destination first. Then the old is renamed away and the new is renamed to its
    destination. If a step fails, all steps before it are undone, and the error is raised.
    """
    suffix = uuid.uuid4().hex[:8]
    places = {root / path: content for path, content in contents.items()}
    staged, moved, placed = [], [], []
    try:
        for place, content in places.items():
            if content is not None:
                staged.append(_temporary(place, suffix, "new"))
                _write(staged[-1], content)
        for place, content in places.items():
            aside = _temporary(place, suffix, "old")
            if place.exists():
                place.rename(aside)
                moved.append((aside, place))
            if content is not None:
                _temporary(place, suffix, "new").rename(place)
                placed.append(place)
    except BaseException:
        for place in placed:
            _remove(place)
        for aside, place in moved:
            aside.rename(place)
        for path in staged:
            _remove(path)
        raise
    for aside, _ in moved:
        _remove(aside)


def _temporary(place: Path, suffix: str, kind: str) -> Path:
    return place.with_name(f".{place.name}.{kind}-{suffix}")


def _write(place: Path, content: bytes | Tree) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        place.write_bytes(content)
        return
    place.mkdir()
    for path, data in content.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()

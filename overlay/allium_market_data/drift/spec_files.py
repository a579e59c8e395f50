"""The files that the check needs: those of the repository, or their copies in an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import SpecError

HERE: Final = Path(__file__).resolve().parent


def folder() -> Path:
    """The folder with upstream/, clauses.toml, lock.toml and the others. Raises `SpecError` if it is missing."""
    for candidate in (HERE / "data", HERE.parents[2] / "spec"):
        if (candidate / "lock.toml").is_file():
            return candidate
    raise SpecError("the baseline", "is missing: this package was installed without its specification")


def repository() -> Path | None:
    """The root of the repository, which has the conformance suite; None in an installed package."""
    root = HERE.parents[2]
    return root if (root / "tests/conformance/conftest.py").is_file() else None


def pages() -> list[tuple[str, bytes]]:
    """The pages that this client was generated from, as (name, bytes)."""
    return [(path.name, path.read_bytes()) for path in sorted((folder() / "upstream").glob("*.md"))]


def read_text(path: Path) -> str:
    """The text of a file. Raises `SpecError` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8"
        raise SpecError(str(path), f"cannot be read: {reason}") from None

"""The files that the check is made against: those of the repository, or the copy of them in an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import SpecError

HERE: Final = Path(__file__).resolve().parent


def folder() -> Path:
    """The folder with upstream/, clauses.toml, lock.toml and the others. Raises `SpecError` where there is none."""
    for place in (HERE / "data", HERE.parents[2] / "spec"):
        if (place / "lock.toml").is_file():
            return place
    raise SpecError("the baseline", "is missing: this package was installed without its specification")


def repository() -> Path | None:
    """The root of the repository, where the conformance suite is; None for an installed package."""
    root = HERE.parents[2]
    return root if (root / "tests/conformance/conftest.py").is_file() else None


def pages() -> list[tuple[str, bytes]]:
    """The pages that this client was generated from, as (name, bytes)."""
    return [(place.name, place.read_bytes()) for place in sorted((folder() / "upstream").glob("*.md"))]


def text(place: Path) -> str:
    """The text of a file. Raises `SpecError` where it cannot be read."""
    try:
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8"
        raise SpecError(str(place), f"cannot be read: {reason}") from None

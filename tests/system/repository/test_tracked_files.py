"""What the files in git may be and may mention. The tests ask git, so they are with those that start processes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOP_LEVEL = {
    "pyproject.toml",
    "README.md",
    "noxfile.py",
    "spec",
    "generated",
    "overlay",
    "tests",
    "LICENSE",
    "CHANGELOG.md",
    "requirements.lock",
}


def tracked_files() -> list[str]:
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_top_level_has_no_other_files() -> None:
    names = {name.split("/")[0] for name in tracked_files()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_no_file_names_a_registry_host_or_a_machine_path() -> None:
    forbidden = re.compile(
        "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "/wo" + "rk/main", "/home/" + "[a-z]+/"))
    )
    for name in tracked_files():
        content = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        assert not forbidden.search(content), name

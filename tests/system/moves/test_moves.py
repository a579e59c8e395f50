"""Thirteen moves of the published page: an update of spec/ and nothing else, and then everything follows.

For each the proposal of ``update_spec`` is accepted. Then the client, against a sandbox of the new contract, equals the
samples; the conformance suite passes on that sandbox, and fails on the sandbox of today's contract unless that fits too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allium_market_data.cli.codegen import main
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from support.moves import MOVES, PAGE, Move

ROOT = Path(__file__).parents[3]
IGNORED = shutil.ignore_patterns("__pycache__", "system", "fuzz", "benchmarks")


@pytest.fixture(scope="module")
def todays_sandbox() -> Iterator[str]:
    with Samples.open() as samples, running(create_app(samples)) as url:
        yield url


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository without what an update writes. All moves share it, so that it is compiled once."""
    root = tmp_path_factory.mktemp("root")
    for folder in ("overlay", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture
def moved(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    """A copy of the repository after a move, made by ``update_spec`` with the proposal accepted."""
    move: Move = request.getfixturevalue("move")
    for folder in ("spec", "generated"):
        shutil.rmtree(root / folder, ignore_errors=True)
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    page = tmp_path / PAGE.name
    page.write_text(move.page(), encoding="utf-8")
    assert main(["update", "--from", str(page), "--accept", "--root", str(root)]) == 0
    return root


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(root / name) for name in ("generated", "overlay", "tests"))
    environment = {**os.environ, "PYTHONPATH": path, "ALLIUM_API_KEY": DEFAULT_API_KEY}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_an_update_of_spec_is_enough(move: Move, moved: Path, todays_sandbox: str) -> None:
    client = run(moved, "-m", "support.moved_client")
    assert client.returncode == 0, client.stderr
    suite = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/conformance",
        "--ignore=tests/conformance/internals",
    )
    passed = run(moved, *suite)
    assert passed.returncode == 0, passed.stdout[-3000:]
    live = ("--target", "live", "--base-url", todays_sandbox, "-x")
    failed = run(moved, *suite, *live)
    assert failed.returncode == (0 if move.is_compatible else 1), failed.stdout[-3000:]

"""The check of ``nox -s update_spec``: a new page is compared with the specification before anything changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from allium_market_data.cli.codegen import main
from allium_market_data.codegen import project
from allium_market_data.codegen.file_tree import read as read_tree
from allium_market_data.errors import SpecError
from drift.page import ROOT

CANDLES = Path(__file__).parent / "pages/get-ohlcv-candles.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / project.PACKAGE, tmp_path / project.PACKAGE, ignore=ignored)
    return tmp_path


def test_a_new_page_is_compatible_and_reported_before_anything_changes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_tree(root)
    assert main(["update", "--root", str(root), "--from", str(CANDLES), "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("compatible: ")
    assert output.index("/ohlcv is new") < output.index("Would change:")
    assert read_tree(root) == before


def test_published_addresses_come_from_the_lock_file(root: Path) -> None:
    (address,) = project.published(root)
    assert f'source = "{address}"' in (root / project.LOCK).read_text()
    (root / project.LOCK).unlink()
    with pytest.raises(SpecError, match="does not have the address"):
        project.published(root)


def test_an_edited_page_is_compared_with_the_generated_document(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = root / project.UPSTREAM / "get-open-interest.md"
    page.write_text(page.read_text().replace("maximum: 5000", "maximum: 4000"))
    assert main(["update", "--root", str(root)]) == 0
    assert capsys.readouterr().out.startswith("breaking: ")

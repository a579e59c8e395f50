"""A sibling page dropped into a copy of the specification: a working call comes out, and nothing that exists breaks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from allium_market_data.cli.codegen import main
from allium_market_data.codegen import project
from allium_market_data.codegen.file_tree import read as read_tree
from allium_market_data.errors import SpecError
from drift.page import ROOT

CANDLES = Path(__file__).parent / "pages/get-ohlcv-candles.md"
PROGRAM = """
import importlib, inspect, json, pkgutil
from allium_market_data_wire.api import default
calls = [one.name for one in pkgutil.iter_modules(default.__path__)]
(name,) = [one for one in calls if "ohlcv" in one]
call = importlib.import_module(f"allium_market_data_wire.api.default.{name}")
kinds = inspect.get_annotations(call._get_kwargs, eval_str=True)
request = call._get_kwargs(
    "hl:perp:BTC-USDC", interval=kinds["interval"]("5m"), start_timestamp="2026-05-01T00:00:00Z",
    end_timestamp="2026-05-02T00:00:00Z", limit=7,
)
print(json.dumps([calls, request]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / project.PACKAGE, tmp_path / project.PACKAGE, ignore=ignored)
    return tmp_path


def test_a_sibling_page_gives_a_call_that_asks_rightly(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(CANDLES, root / project.UPSTREAM)
    before = read_tree(root)
    assert main(["update", "--root", str(root), "--dry-run"]) == 0
    assert read_tree(root) == before
    assert capsys.readouterr().out.startswith("compatible: ")
    assert main(["update", "--root", str(root)]) == 0
    assert "Changed:" in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root / "generated", capture_output=True, text=True, check=True
    )
    calls, request = json.loads(done.stdout)
    assert "get_open_interest" in calls
    assert request["method"] == "get"
    assert request["url"] == "/api/v1/markets/hl%3Aperp%3ABTC-USDC/ohlcv"
    assert request["params"] == {
        "interval": "5m",
        "start_timestamp": "2026-05-01T00:00:00Z",
        "end_timestamp": "2026-05-02T00:00:00Z",
        "limit": 7,
    }


def test_the_update_judges_it_compatible_before_it_changes_anything(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_tree(root)
    assert main(["update", "--root", str(root), "--from", str(CANDLES), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("compatible: ")
    assert said.index("/ohlcv is new") < said.index("Would change:")
    assert read_tree(root) == before


def test_published_pages_come_from_the_lock_file(root: Path) -> None:
    (address,) = project.published(root)
    assert f'source = "{address}"' in (root / project.LOCK).read_text()
    (root / project.LOCK).unlink()
    with pytest.raises(SpecError, match="does not know the address"):
        project.published(root)


def test_a_page_replaced_by_hand_is_judged_against_the_document_made_before(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = root / project.UPSTREAM / "get-open-interest.md"
    page.write_text(page.read_text().replace("maximum: 5000", "maximum: 4000"))
    assert main(["update", "--root", str(root)]) == 0
    assert capsys.readouterr().out.startswith("breaking: ")

"""The drift check in processes of its own: what a comparison imports, an interrupt, and a whole look at a server."""

from __future__ import annotations

import subprocess
import sys

from drift.page import ROOT

IMPORTS = """
import sys
from pathlib import Path
from allium_market_data.drift import Source, judge
data = Path("spec/upstream/get-open-interest.md").read_bytes()
page = Source.of_bytes([("get-open-interest.md", data)])
print(judge(page, page).verdict, sorted({"hypothesis", "httpx", "griffe"} & set(sys.modules)))
"""


def test_comparison_without_a_change_imports_nothing_heavy() -> None:
    process = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "none []\n"

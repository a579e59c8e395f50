"""The drift check in processes: imports, an interrupt, a run against a changed server, and a package made from a new page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from allium_market_data.cli.codegen import main as codegen
from allium_market_data.codegen import project
from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, running
from conformance.mutants import mutant_endpoint
from drift.page import PAGE, ROOT
from support.serving import served

DRIFT = [sys.executable, "-c", "from allium_market_data.cli.main import main; main()", "drift"]
REPORTS = {"drift.json", "drift.md", "drift.html"}

IMPORTS = """
import sys
from pathlib import Path
from allium_market_data.drift import Source, judge
data = Path("spec/upstream/get-open-interest.md").read_bytes()
page = Source.of_bytes([("get-open-interest.md", data)])
print(judge(page, page).verdict, sorted({"hypothesis", "httpx", "griffe"} & set(sys.modules)))
"""

CALL = """
import importlib, inspect, json, pkgutil
from allium_market_data_wire.api import default
calls = [module.name for module in pkgutil.iter_modules(default.__path__)]
(name,) = [name for name in calls if "ohlcv" in name]
call = importlib.import_module(f"allium_market_data_wire.api.default.{name}")
types = inspect.get_annotations(call._get_kwargs, eval_str=True)
request = call._get_kwargs(
    "hl:perp:BTC-USDC", interval=types["interval"]("5m"), start_timestamp="2026-05-01T00:00:00Z",
    end_timestamp="2026-05-02T00:00:00Z", limit=7,
)
print(json.dumps([calls, request]))
"""


def test_comparison_without_a_change_imports_nothing_heavy() -> None:
    process = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "none []\n"


def test_interrupted_run_leaves_unchecked_reports(tmp_path: Path) -> None:
    """The interrupt is sent when the check requests the page, so the check is certainly running."""
    folder = tmp_path / "reports"
    requested = threading.Event()

    def respond(connection: socket.socket, request: bytes) -> None:
        requested.set()
        connection.recv(1)  # returns when the process closes the connection

    with served(respond) as url:
        words = ["--upstream", f"{url}/page.md", "--report-dir", str(folder)]
        process = subprocess.Popen([*DRIFT, *words], stderr=subprocess.PIPE, text=True)
        assert requested.wait(60)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "allium-md: interrupted; nothing half-written stays\n")
    assert {path.name for path in folder.iterdir()} == REPORTS
    assert json.loads((folder / "drift.json").read_text())["verdict"] == "unchecked"
    assert "did not finish" in (folder / "drift.md").read_text()


def test_run_against_a_changed_server(tmp_path: Path) -> None:
    """The whole command with the whole conformance suite; the sandbox breaks a rule and answers a question differently."""
    page, folder = tmp_path / "get-open-interest.md", tmp_path / "reports"
    page.write_text(PAGE)
    with Samples.open() as samples:
        app = create_app(samples, reading_named(("descending",)), DEFAULT_API_KEY, mutant_endpoint(("end-ignored",)))
        with running(app) as url:
            words = ["--upstream", str(page), "--base-url", url, "--report-dir", str(folder)]
            environment = {**os.environ, "ALLIUM_API_KEY": DEFAULT_API_KEY}
            process = subprocess.run([*DRIFT, *words], env=environment, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (4, "")
    report = json.loads((folder / "drift.json").read_text())
    assert (report["verdict"], report["changes"], report["behaviour"]["case"]) == ("breaking", [], "server-changed")
    assert any(text.startswith("no label is outside the window") for text in report["behaviour"]["violations"])
    changed = {"question": "order", "old": "ascending", "new": "descending"}
    assert changed in report["behaviour"]["changed_readings"]


def test_new_page_becomes_a_working_call(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    shutil.copytree(ROOT / project.PACKAGE, tmp_path / project.PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests/drift/pages/get-ohlcv-candles.md", tmp_path / project.UPSTREAM)
    assert codegen(["update", "--root", str(tmp_path)]) == 0
    process = subprocess.run(
        [sys.executable, "-c", CALL], cwd=tmp_path / "generated", capture_output=True, text=True, check=True
    )
    calls, request = json.loads(process.stdout)
    assert "get_open_interest" in calls
    assert (request["method"], request["url"]) == ("get", "/api/v1/markets/hl%3Aperp%3ABTC-USDC/ohlcv")
    assert request["params"] == {
        "interval": "5m",
        "start_timestamp": "2026-05-01T00:00:00Z",
        "end_timestamp": "2026-05-02T00:00:00Z",
        "limit": 7,
    }

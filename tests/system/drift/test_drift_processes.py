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

import pytest

from allium_market_data.cli.codegen import main as codegen
from allium_market_data.codegen import project
from allium_market_data.drift.history import read_history
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

KILLED = """
import os, signal, sys
from pathlib import Path
from allium_market_data.cli import drift
from allium_market_data.drift import check
from allium_market_data.drift.report import writer

folder, page = Path(sys.argv[1]), "spec/upstream/get-open-interest.md"
stages = [
    (drift.history, "append", 2), (check, "_source", 1), (check, "compare", 1), (drift, "not_observed", 1),
    (writer, "files", 1), (writer, "write", 2), (drift, "_entry", 1),
]
for module, name, number in stages:
    if not (child := os.fork()):
        real, calls = getattr(module, name), []

        def call(*arguments, **options):
            calls.append(1)
            if len(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        setattr(module, name, call)
        drift.run(drift.Options(upstream=[page], report_dir=folder / name, history=folder / f"{name}.jsonl"))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, name
    print(name)
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


@pytest.mark.parametrize(
    ("number", "status", "message", "reason"),
    [
        (signal.SIGINT, 130, "allium-md: interrupted; nothing half-written stays\n", "it was interrupted"),
        (signal.SIGTERM, 143, "allium-md: the check was ended by SIGTERM\n", "it was ended by SIGTERM"),
        (signal.SIGKILL, -signal.SIGKILL, "", "did not finish"),
    ],
)
def test_ended_run_is_unchecked(number: int, status: int, message: str, reason: str, tmp_path: Path) -> None:
    """The signal is sent when the check requests the page, so the check is certainly running."""
    folder, history = tmp_path / "reports", tmp_path / "history.jsonl"
    requested = threading.Event()

    def respond(connection: socket.socket, request: bytes) -> None:
        requested.set()
        connection.recv(1)  # returns when the process closes the connection

    with served(respond) as url:
        words = ["--upstream", f"{url}/page.md", "--report-dir", str(folder), "--history", str(history)]
        process = subprocess.Popen([*DRIFT, *words], stderr=subprocess.PIPE, text=True)
        assert requested.wait(60)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (status, message)
    assert {path.name for path in folder.iterdir()} == REPORTS
    assert json.loads((folder / "drift.json").read_text())["verdict"] == "unchecked"
    assert reason in (folder / "drift.md").read_text()
    assert [entry.verdict for entry in read_history(history)] == ["unchecked"]


def test_run_killed_at_any_stage_is_unchecked(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stages = process.stdout.split()
    assert len(stages) == 7
    for stage in stages:
        report = json.loads((tmp_path / stage / "drift.json").read_text())
        verdicts = [entry.verdict for entry in read_history(tmp_path / f"{stage}.jsonl")]
        assert verdicts == ["unchecked"], stage
        assert report["verdict"] == ("none" if stage == "append" else "unchecked"), stage


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

"""The sandbox in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import httpx

from allium_market_data.sandbox.instants import parse_instant
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from support.sandbox_requests import label_of, parameters_for, path_of


def test_ctrl_c_ends_the_command_quietly() -> None:
    code = (
        "from allium_market_data.cli.sandbox import Options, run; "
        "run(Options(api_key='own-secret', readings=['ts-z'], seed=7, access_log=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        window = parameters_for("1h", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z")
        response = httpx.get(
            url + path_of("hl:perp:SOL-USDC"), params=window, headers={KEY_HEADER: "own-secret"}, timeout=60
        )
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert label_of(response.json()[OPEN_INTEREST.items_field][0]) == parse_instant("2026-05-01")
    assert process.returncode == 0
    line = rf"GET {path_of('hl:perp:SOL-USDC')}\?\S+ 200 [0-9.]+ ms\n"
    assert re.fullmatch(line, errors)  # the access log, and nothing else


def test_import_loads_neither_fastapi_nor_duckdb() -> None:
    code = "import sys, allium_market_data.sandbox; print({'duckdb', 'fastapi', 'uvicorn'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"

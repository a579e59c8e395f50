"""``allium-md plot``: charts in files, and mistakes that are found before a request is sent."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from allium_market_data.cli import main as cli
from support.serving import Sandbox

MARKETS = ["hl:perp:BTC-USDC", "hl:perp:ETH-USDC"]
SPAN = ["--interval", "1h", "--start", "2026-03-01", "--end", "2026-03-03"]


def test_markets_are_drawn_and_bad_targets_cost_no_request(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    command = ["plot", *MARKETS, *SPAN, "--base-url", sandbox.url, "--output"]
    environment = {"ALLIUM_API_KEY": sandbox.key}
    first = CliRunner().invoke(cli.app, [*command, str(path)], env=environment)
    assert (first.exit_code, first.output) == (0, "")
    assert path.read_bytes().startswith(b"<?xml")
    requests = len(sandbox.requests)
    existing = CliRunner().invoke(cli.app, [*command, str(path)], env=environment)
    assert existing.exit_code == 1
    assert "exists already" in existing.output
    unknown = CliRunner().invoke(cli.app, [*command, str(tmp_path / "chart.bmp")], env=environment)
    assert unknown.exit_code == 2
    assert len(sandbox.requests) == requests

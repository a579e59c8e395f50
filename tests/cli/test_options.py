"""Options that commands share reach the client."""

from __future__ import annotations

from pathlib import Path

import pytest

from allium_market_data.cli import output
from allium_market_data.cli.options import Connection
from allium_market_data.errors import UsageError
from allium_market_data.store import Table
from support.commands import run

SPAN = ["BTC", "-i", "1h", "--start", "2026-05-01", "--end", "2026-05-02"]
OPTIONS = ["--base-url", "https://a.test", "--timeout", "5", "--max-concurrency", "3", "--max-rate", "2"]
DEFAULT = Connection(None, 30.0, 8, None, False, False)
GIVEN = Connection("https://a.test", 5.0, 3, 2.0, True, True)
COMMANDS = {
    "open-interest": SPAN,
    "plot": [*SPAN, "--output", "chart.png"],
    "backfill": [*SPAN, "--table", "TABLE"],
    "update": ["--table", "TABLE"],
    "watch": SPAN[:3],
    "verify": ["--table", "TABLE"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("options", "expected"), [([], DEFAULT), ([*OPTIONS, "--allow-insecure", "--verbose"], GIVEN)])
def test_the_options_of_the_connection_reach_the_client(
    command: str, options: list[str], expected: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, made = Table(tmp_path / "oi", create=True).uri, list[Connection]()

    def connect(connection: Connection) -> None:
        made.append(connection)
        raise UsageError("enough")

    monkeypatch.setattr(output, "connect", connect)
    words = [table if word == "TABLE" else word for word in COMMANDS[command]]
    assert "enough" in run(command, *words, *options).stderr
    assert made == [expected]

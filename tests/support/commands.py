"""The commands of the table, run in this process."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner, Result

from allium_market_data.cli import main
from support.exchange import BTC

SPAN = "2026-05-01", "2026-05-05"
BACKFILL = ["backfill", BTC, "-i", "1h", "--start", SPAN[0], "--end", SPAN[1]]


def run(*words: str | Path, answer: str | None = None) -> Result:
    """Run ``allium-md`` with these words; ``answer`` is typed at its standard input."""
    return CliRunner().invoke(main.app, [str(word) for word in words], input=answer)


def assert_failed(result: Result, *parts: str, status: int = 14) -> None:
    """The command failed with one line on standard error, after at most its plan and progress, and printed nothing else."""
    assert result.exit_code == status, (result.output, result.exception)
    assert result.stdout == ""
    *before, last = result.stderr.splitlines()
    assert all(re.search(r"\d windows?, ", line) for line in before), result.stderr
    assert last.startswith("allium-md: ")
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in last

"""The commands of the table, run in this process."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from allium_market_data.cli import table_log, table_output
from allium_market_data.store import Progress, Table, verify, watch
from support.commands import SPAN, run
from support.exchange import BTC, ETH, Exchange

LOGGED = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z INFO "
"""The time and the level of a line."""


def backfill_words(table: Path, *markets: str, start: str = SPAN[0], end: str = SPAN[1]) -> list[str]:
    return ["backfill", *(markets or (BTC, ETH)), "-i", "1h", "--start", start, "--end", end, "--table", str(table)]


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    return exchange


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"COLUMNS": "20"}], ids=str)
def test_backfill_prints_plan_progress_and_result(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """Standard error is a file here, so there is no progress bar, whatever CI services set."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = run(*backfill_words(table))
    assert (result.exit_code, result.stdout) == (0, "")
    plan, done = result.stderr.splitlines()
    assert re.fullmatch(LOGGED + "2 windows, 2 requests, 192 buckets to fetch", plan)
    assert re.match(LOGGED + f"{table}: 192 rows in {filled.request_count} requests, ", done)
    assert len(Table(table).series(BTC, "1h", *SPAN)) == 96
    assert verify(table).differences == ()
    again = run(*backfill_words(table))
    assert again.stderr.splitlines()[0].endswith("0 windows, 0 requests, 0 buckets to fetch")


def test_progress_shows_the_rate_and_the_time_left() -> None:
    progress = Progress(tasks=4, planned=400, done=1, done_planned=100, rows=1234567, requests=120, seconds=60.0)
    line = "1 of 4 windows, 1,234,567 rows, 120 requests, 2.0 requests/s, 0:03:00 left"
    assert table_log.describe(progress) == line


def test_a_large_plan_needs_confirmation(filled: Exchange, table: Path) -> None:
    words = [*backfill_words(table, start="2006-05-01"), "--whole-span"]
    result = run(*words)
    assert result.exit_code == 2
    message = "allium-md: this plan needs more than 1,000 requests; pass --yes to run it"
    assert result.stderr.splitlines()[-1] == message
    assert (filled.request_count, table.exists()) == (0, False)
    last = run(*words, "--max-requests", "3").stderr.splitlines()[-1]
    needs = rf"{BTC} 1h 2006-05-01T00:00:00Z to 2006-06-01T00:00:00Z alone needs 5; allow more"
    assert last == f"allium-md: the budget of 3 requests (--max-requests) is too small: {needs}"


@pytest.mark.parametrize(("answer", "status"), [("n\n", 1), ("y\n", 0)])
def test_a_terminal_user_is_asked(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr(table_output, "LARGE_PLAN", 1)
    monkeypatch.setattr(table_output, "_is_interactive", lambda: True)
    result = run(*backfill_words(table), answer=answer)
    assert result.exit_code == status
    assert "Start? [y/N]" in result.stderr
    assert table.exists() == (status == 0)


def test_a_large_update_needs_confirmation(filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*backfill_words(table))
    monkeypatch.setattr(table_output, "LARGE_PLAN", 1)
    before = filled.request_count
    assert run("update", "--table", table).exit_code == 2
    assert filled.request_count == before
    assert run("update", "--table", table, "--yes").exit_code == 0


def test_update_prints_what_it_wrote(filled: Exchange, table: Path) -> None:
    run(*backfill_words(table))
    filled.put(BTC, "2026-05-04T05:00", "1")
    result = run("update", BTC, "--table", table, "--provisional", "--look-back", "1.5")
    assert (result.exit_code, result.stdout) == (0, "")
    *_, counts, where = result.stderr.splitlines()
    assert re.match(
        LOGGED + f"{table}: 371 rows added, 0 provisional rows settled and 0 dropped, 0 late, 1 restated, 0 no longer",
        counts,
    )
    assert where.endswith(f" INFO restatements: {table}/_restatements")


def test_status_compact_and_verify(filled: Exchange, table: Path, tmp_path: Path) -> None:
    run(*backfill_words(table))
    run(*backfill_words(table, BTC, start="2026-05-08", end="2026-05-09"))
    status = run("status", "--table", table, "--plot", tmp_path / "oi.png")
    assert status.exit_code == 0
    for part in (BTC, ETH, "2026-05-09 00:00", "120", "1, 2026-05-05"):
        assert part in status.stdout
    assert (tmp_path / "oi.png").exists()
    assert run("compact", "--table", table).stderr.endswith(f" {table}: 2 files became 1, 0 old files deleted\n")
    assert run("compact", "--table", table, "--vacuum", "0.5").exit_code == 2
    filled.put(ETH, "2026-05-02T05:00", "1")
    result = run("verify", "--table", table)
    assert result.exit_code == 15
    assert f"{ETH} 1h 2026-05-02T05:00:00Z: oi_base is" in result.stdout
    assert "differs from the server: fetch again with allium-md update" in result.stderr


@pytest.mark.parametrize(
    "words", [["update", "--look-back", "-1"], ["update", "--look-back", "nan"], ["verify", "--windows", "0"]]
)
def test_wrong_values_are_usage_errors(filled: Exchange, table: Path, words: list[str]) -> None:
    Table(table, create=True)
    assert run(*words, "--table", table).exit_code == 2


def test_watch_prints_provisional_rows_on_request(filled: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = iter(range(3))

    def sleep(seconds: float) -> None:
        filled.wait(seconds=seconds)
        if next(pauses, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=sleep))
    result = run("watch", BTC, "-i", "1h")
    assert result.exit_code == 130
    assert result.stderr.startswith("allium-md: interrupted")
    head, *rows = csv.reader(result.stdout.splitlines())
    assert head == ["market_id", "ts", "oi_base", "oi_quote_usd", "provisional"]
    assert [row[1] for row in rows] == [f"2026-05-20T{hour}:00:00+00:00" for hour in ("09", "10", "11", "12")]
    assert {(len(row), row[4]) for row in rows} == {(5, "false")}
    pauses = iter(range(2))
    result = run("watch", BTC, "-i", "1h", "--provisional")
    assert [row["provisional"] for row in csv.DictReader(result.stdout.splitlines())] == ["false", "true"]


def test_plot_reads_from_a_table_without_a_request(filled: Exchange, table: Path, tmp_path: Path) -> None:
    run(*backfill_words(table))
    requests, chart = filled.request_count, tmp_path / "chart.png"
    words = ["plot", BTC, ETH, BTC, "-i", "1h", "--start", SPAN[0], "--table", str(table), "--output", str(chart)]
    assert run(*words, "--end", SPAN[1]).exit_code == 0
    assert (chart.exists(), filled.request_count) == (True, requests)
    result = run(*words, "--end", "2026-05-06", "--overwrite")
    assert result.exit_code == 1
    assert "is not complete: hl:perp:BTC-USDC 1h is missing 2026-05-05T00:00:00Z" in result.stderr

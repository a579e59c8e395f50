"""The commands over a table, as somebody types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from allium_market_data.cli import main as cli
from allium_market_data.cli import table_output as telling
from allium_market_data.model.intervals import MINUTE
from allium_market_data.model.times import micros, to_iso
from allium_market_data.sandbox import running
from allium_market_data.store import Progress, Table, verify, watch
from store.test_backfill import rows, wanted
from support.crashing import Slow
from support.exchange import BTC, ETH, KEY, Exchange

SPAN = "2026-05-01", "2026-05-05"
MAIN = [sys.executable, "-W", "error", "-c", "from allium_market_data.cli.main import main; main()"]


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, list(words), input=answer)


def filling(table: Path, *markets: str, end: str = SPAN[1]) -> list[str]:
    return ["backfill", *(markets or (BTC, ETH)), "-i", "1h", "--start", SPAN[0], "--end", end, "--table", str(table)]


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    return exchange


def test_a_backfill_tells_its_plan_its_progress_and_what_came_of_it(filled: Exchange, table: Path) -> None:
    result = run(*filling(table))
    assert (result.exit_code, result.stdout) == (0, "")
    plan, progress, done = result.stderr.splitlines()
    assert plan == "2 windows, 2 requests, 192 buckets to fetch"
    assert progress.startswith(f"2 of 2 windows, 192 rows, {filled.asked} requests, ")
    assert progress.endswith(" requests/s, 0:00:00 left")
    assert done.startswith(f"{table}: 192 rows in {filled.asked} requests, ")
    again = run(*filling(table))
    assert again.stderr.splitlines()[0] == "0 windows, 0 requests, 0 buckets to fetch"


def test_progress_tells_the_rate_and_the_time_that_is_left() -> None:
    at = Progress(tasks=4, planned=400, done=1, done_planned=100, rows=1234567, requests=120, seconds=60.0)
    assert telling.tell(at) == "1 of 4 windows, 1,234,567 rows, 120 requests, 2.0 requests/s, 0:03:00 left"


def test_a_large_plan_is_not_begun_without_a_word(filled: Exchange, table: Path) -> None:
    large = [word.replace(SPAN[0], "2006-05-01") for word in filling(table)]
    result = run(*large)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "allium-md: that is a large plan: say --yes to begin it"
    assert (filled.asked, table.exists()) == (0, False)
    assert run(*large, "--max-requests", "3").stderr.splitlines()[-1].startswith("allium-md: 3 requests are spent")


@pytest.mark.parametrize(("answer", "status"), [("n\n", 1), ("y\n", 0)])
def test_somebody_at_a_terminal_is_asked(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr(telling, "LARGE", 1)
    monkeypatch.setattr(telling, "_is_asked", lambda: True)
    result = run(*filling(table), answer=answer)
    assert result.exit_code == status
    assert "Begin? [y/N]" in result.stderr
    assert table.exists() == (status == 0)


def test_a_large_update_is_not_begun_without_a_word(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*filling(table))
    monkeypatch.setattr(telling, "LARGE", 1)
    before = filled.asked
    assert run("update", "--table", str(table)).exit_code == 2
    assert filled.asked == before
    assert run("update", "--table", str(table), "--yes").exit_code == 0


def test_an_update_tells_what_it_did(filled: Exchange, table: Path) -> None:
    run(*filling(table))
    filled.put(BTC, "2026-05-04T05:00", "1")
    result = run("update", BTC, "--table", str(table), "--provisional", "--look-back", "1.5")
    assert (result.exit_code, result.stdout) == (0, "")
    *_, said, where = result.stderr.splitlines()
    assert said.startswith(
        f"{table}: 371 rows added, 0 provisional rows settled and 0 dropped, 1 restated, 0 no longer"
    )
    assert where == f"restatements: {table}/_restatements"


def test_status_verify_and_compact(filled: Exchange, table: Path, tmp_path: Path) -> None:
    run(*filling(table))
    run(*filling(table, BTC, end="2026-05-06"))
    status = run("status", "--table", str(table), "--plot", str(tmp_path / "oi.png"))
    assert status.exit_code == 0
    assert "2026-05-06 00:00" in status.stdout
    assert (tmp_path / "oi.png").exists()
    assert run("compact", "--table", str(table)).stderr == f"{table}: 2 files became 1, 0 old ones deleted\n"
    assert run("compact", "--table", str(table), "--vacuum", "0.5").exit_code == 2
    assert run("verify", "--table", str(table)).exit_code == 0
    filled.put(ETH, "2026-05-02T05:00", "1")
    found = run("verify", "--table", str(table))
    assert found.exit_code == 1
    assert f"{ETH} 1h 2026-05-02T05:00:00Z: oi_base is" in found.stdout
    assert "differs from the server: allium-md update looks again" in found.stderr


@pytest.mark.parametrize(
    "words", [["update", "--look-back", "-1"], ["update", "--look-back", "nan"], ["verify", "--windows", "0"]]
)
def test_wrong_words_are_wrong_usage(filled: Exchange, table: Path, words: list[str]) -> None:
    run(*filling(table))
    assert run(*words, "--table", str(table)).exit_code == 2


@pytest.fixture
def slow(filled: Exchange) -> Iterator[dict[str, str]]:
    """The environment of a process, in real time, whose server takes a tenth of a second to answer."""
    filled.now = datetime.now(UTC)
    with running(Slow(filled.app, 0.1)) as url:
        yield {**os.environ, "ALLIUM_BASE_URL": url, "ALLIUM_API_KEY": KEY, "COLUMNS": "100"}


def started(env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*MAIN, *words], env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_an_interrupted_backfill_is_130_and_the_next_one_goes_on(
    filled: Exchange, slow: dict[str, str], table: Path
) -> None:
    for market in (BTC, ETH, "c:perp:C"):
        filled.fill(market, "2026-05-01", "2026-05-25")
    call = [*filling(table, BTC, ETH, "c:perp:C", end="2026-05-12"), "--concurrency", "1"]
    with started(slow, *call) as child:
        assert child.stderr is not None
        assert "windows" in child.stderr.readline()
        while not filled.asked:
            pass
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "allium-md: interrupted; nothing half-written stays"
    assert run(*call).exit_code == 0
    for market in (BTC, ETH, "c:perp:C"):
        assert rows(table, market) == wanted(filled, "2026-05-01", "2026-05-12", market)


def live(exchange: Exchange) -> None:
    """A sample in each minute around the real time."""
    exchange.now = datetime.now(UTC)
    minute = exchange.now.replace(second=0, microsecond=0)
    for back in range(30):
        exchange.samples[BTC][micros(minute - timedelta(minutes=back)) + MINUTE // 100] = (f"{back}.5", "1")


def test_watch_prints_closed_buckets_and_ends_cleanly_when_interrupted(
    filled: Exchange, slow: dict[str, str], table: Path
) -> None:
    filled.samples[BTC] = {}
    live(filled)
    with started(slow, "watch", BTC, "-i", "1m", "--grace", "0", "--table", str(table)) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert err.splitlines()[-1] == "allium-md: interrupted; nothing half-written stays"
    assert "Traceback" not in err
    market, ts, base, quote = first.rstrip().split(",")
    assert (market, quote) == (BTC, "1")
    assert ts.endswith(":00Z")
    assert base.endswith(".5")
    assert to_iso(next(iter(rows(table, BTC, "1m")))) == ts


def test_watch_without_a_table_prints_provisional_rows_only_when_asked_and_marks_them(
    filled: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = iter(range(3))

    def sleep(seconds: float) -> None:
        filled.wait(seconds=seconds)
        if next(naps, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=sleep))
    result = run("watch", BTC, "-i", "1h")
    assert (result.exit_code, result.stderr) == (130, "allium-md: interrupted; nothing half-written stays\n")
    assert [line.split(",")[1] for line in result.stdout.splitlines()] == [
        f"2026-05-20T{hour}:00:00Z" for hour in ("09", "10", "11", "12")
    ]
    naps = iter(range(2))
    running_too = run("watch", BTC, "-i", "1h", "--provisional")
    assert [line.count(",provisional") for line in running_too.stdout.splitlines()] == [0, 1]


def test_a_table_that_was_filled_by_command_is_what_the_library_reads(filled: Exchange, table: Path) -> None:
    run(*filling(table))
    assert len(Table(table).series(BTC, "1h", *SPAN)) == 96
    assert verify(table).differences == ()


def test_a_chart_is_drawn_from_a_table_without_a_request(filled: Exchange, table: Path, tmp_path: Path) -> None:
    run(*filling(table))
    asked, chart = filled.asked, tmp_path / "chart.png"
    words = ["plot", BTC, ETH, BTC, "-i", "1h", "--start", SPAN[0], "--table", str(table), "--output", str(chart)]
    assert run(*words, "--end", SPAN[1]).exit_code == 0
    assert (chart.exists(), filled.asked) == (True, asked)
    result = run(*words, "--end", "2026-05-06", "--overwrite")
    assert result.exit_code == 1
    assert "is not complete: hl:perp:BTC-USDC 1h lacks 2026-05-05T00:00:00Z" in result.stderr

"""The key is in no file, on no terminal and in no process: commands, tables, charts, recordings, reports, objects."""

from __future__ import annotations

import copy
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from allium_market_data import AsyncMarketData, MarketData, RetryPolicy, plot
from allium_market_data.cli import main as cli
from allium_market_data.client.api_key import ApiKey
from allium_market_data.drift.impact import live
from allium_market_data.drift.model import Judgement
from allium_market_data.errors import AlliumError, BudgetError, FetchError, OutputError, StoreError, UsageError
from allium_market_data.sandbox import Samples, create_app, running
from allium_market_data.store import backfill, update, verify
from conformance import cassettes
from conformance.document import Document
from support.serving import MARKET, served

from .leaks import HIDDEN, described, everything_logged, files, from_outside, leaks, reachable, search, shown, stacks
from .servers import SERVERS

ROOT = Path(__file__).parents[2]
SPAN = ["--interval", "1h", "--start", "2026-03-01", "--end", "2026-03-03"]
WINDOW: dict[str, Any] = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}


@pytest.fixture(scope="module")
def sandbox_app(served_samples: Samples) -> Any:
    """A sandbox that takes the key."""
    return create_app(served_samples, api_key=HIDDEN[0])


@pytest.fixture(scope="module")
def sandbox_url(sandbox_app: Any) -> Iterator[str]:
    with running(sandbox_app) as url:
        yield url


@pytest.fixture
def client(sandbox_url: str) -> Iterator[MarketData]:
    with MarketData(HIDDEN[0], sandbox_url) as made:
        yield made


def test_no_file_that_rows_are_written_to_holds_it(client: MarketData, tmp_path: Path) -> None:
    series = client.open_interest(MARKET, **WINDOW)
    for write, name in ((series.to_csv, "csv"), (series.to_jsonl, "jsonl"), (series.to_parquet, "parquet")):
        write(tmp_path / f"rows.{name}")
    drawn = plot(series).get_figure(root=True)
    assert drawn is not None
    for suffix in ("png", "svg"):
        drawn.savefig(tmp_path / f"chart.{suffix}")
    (tmp_path / "pickled").write_bytes(pickle.dumps([list(series), series.provenance.base_url, series.gaps()]))
    assert {path.suffix for path in tmp_path.iterdir()} >= {".csv", ".jsonl", ".parquet", ".png", ".svg"}
    assert search(files(tmp_path)) == []
    assert search(described("series", series)) == []
    assert leaks(f"{series.to_arrow().schema.metadata}{series.to_polars()}{series.to_pandas().attrs}") == []


def test_no_table_holds_it_and_no_result_of_the_store(client: MarketData, tmp_path: Path) -> None:
    table = tmp_path / "table"
    told: list[Any] = []
    with everything_logged() as log:
        done = backfill([MARKET], **WINDOW, table=table, client=client, progress=told.append)
        results = [done, *told, verify(table, windows=2, client=client)]
        with pytest.raises(BudgetError) as caught:
            update(table, client=client, max_requests=2)
    assert done.rows == 48
    assert search(files(tmp_path)) == []
    assert search(piece for one in results for piece in described(type(one).__name__, one)) == []
    assert search(shown(from_outside(caught.value))) == []
    assert search(("log", text) for text in log.said) == []


def _spent(client: MarketData, folder: Path) -> None:
    backfill([MARKET], "1m", "2026-03-01", "2026-04-01", folder / "table", client=client, max_requests=1)


def _no_table(client: MarketData, folder: Path) -> None:
    (folder / "table").mkdir()
    (folder / "table" / "file").touch()
    update(folder / "table", client=client)


def _there_already(client: MarketData, folder: Path) -> None:
    (folder / "rows.csv").touch()
    client.open_interest(MARKET, **WINDOW).to_csv(folder / "rows.csv")


def _no_decimals(client: MarketData, folder: Path) -> None:
    client.open_interest(MARKET, **WINDOW).to_arrow(decimals="whole")


@pytest.mark.parametrize(
    ("fail", "kind"),
    [(_spent, BudgetError), (_no_table, StoreError), (_there_already, OutputError), (_no_decimals, UsageError)],
)
def test_no_failure_behind_a_fetch_shows_it(
    fail: Any, kind: type[AlliumError], client: MarketData, tmp_path: Path
) -> None:
    with everything_logged() as log, pytest.raises(kind) as caught:
        fail(client, tmp_path)
    failure = from_outside(caught.value)
    assert search(iter([*shown(failure), *reachable(failure), *(("log", text) for text in log.said)])) == []
    assert search(files(tmp_path)) == []


# --- Commands ---


def commands(url: str, folder: Path) -> list[list[str]]:
    table, server = str(folder / "table"), ["--base-url", url]
    return [
        ["plan", *SPAN],
        ["open-interest", MARKET, *SPAN, *server],
        ["open-interest", MARKET, *SPAN, *server, "--format", "table"],
        ["open-interest", MARKET, *SPAN, *server, "--output", str(folder / "rows.parquet")],
        ["open-interest", "hl:perp:NONE", *SPAN, *server],
        ["plot", MARKET, *SPAN, *server, "--output", str(folder / "chart.png")],
        ["backfill", MARKET, *SPAN, *server, "--table", table],
        ["status", "--table", table, "--plot", str(folder / "status.png")],
        ["verify", "--table", table, *server],
        ["update", "--table", table, *server, "--max-requests", "1"],
        ["watch", MARKET, "--interval", "2h", *server],
        ["sandbox", "--port", "70000", "--api-key", HIDDEN[0]],
        ["sandbox", "--api-key", f" {HIDDEN[0]}"],
        ["drift", "--upstream", "nowhere.md", "--api-key", HIDDEN[0], *server, "--report-dir", str(folder / "drift")],
        ["drift", "--api-key", HIDDEN[0], "--base-url", "http://api.example", "--report-dir", str(folder / "wrong")],
    ]


def test_no_command_shows_it(sandbox_url: str, tmp_path: Path) -> None:
    said = []
    with everything_logged() as log:
        for words in commands(sandbox_url, tmp_path):
            result = CliRunner().invoke(cli.app, words, env={"ALLIUM_API_KEY": HIDDEN[0]})
            assert result.exit_code in (0, 1, 2), result.output
            said += [(words[0], result.output)]
            if (
                result.exception is not None and "--api-key" not in words
            ):  # what a user writes, stands in frames of typer
                said += list(shown(from_outside(result.exception)))  # type: ignore[arg-type]
    assert search(iter(said)) == []
    assert search(("log", text) for text in log.said) == []
    assert search(files(tmp_path)) == []


@pytest.mark.parametrize("server", ["400", "403", "500", "another market", "a broken header", "no http"])
def test_no_command_shows_what_a_server_says_of_it(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(_: float) -> None:
        return

    monkeypatch.setattr("stamina._core._smart_sleep", sleep)
    said = []
    with served(SERVERS[server][0]) as url:
        for words in commands(url, tmp_path)[1:]:
            if words[0] in ("open-interest", "backfill", "plot") or "nowhere.md" in words:
                result = CliRunner().invoke(cli.app, words, env={"ALLIUM_API_KEY": HIDDEN[0]})
                said += [(words[0], result.output)]
    assert search(iter(said)) == []
    assert search(files(tmp_path)) == []


LOUD = """
import faulthandler, logging, sys, warnings
logging.basicConfig(level=1, stream=sys.stderr)
faulthandler.enable()
warnings.simplefilter("default")
from allium_market_data.cli.main import main
try:
    main()
finally:
    faulthandler.dump_traceback(all_threads=True)
"""


def test_no_terminal_shows_it_with_progress_and_all_that_python_tells(sandbox_url: str, tmp_path: Path) -> None:
    """On a pseudo-terminal, in Python's development mode, with every log: a bar, a table, and what lies behind them."""
    import pty

    table = str(tmp_path / "table")
    spread = ["--interval", "1m", "--start", "2026-03-01", "--end", "2026-03-03", "--base-url", sandbox_url]
    for words in (["open-interest", MARKET, *spread], ["backfill", MARKET, *spread, "--table", table]):
        env = {**os.environ, "ALLIUM_API_KEY": HIDDEN[0], "PYTHONASYNCIODEBUG": "1", "TERM": "xterm", "COLUMNS": "120"}
        master, slave = pty.openpty()
        command = [sys.executable, "-X", "dev", "-W", "default", "-c", LOUD, *words]
        with subprocess.Popen(command, stdout=slave, stderr=slave, env=env) as process:
            os.close(slave)
            titles = Path(f"/proc/{process.pid}/cmdline").read_bytes() if sys.platform == "linux" else b""
            shown = b""
            while part := _read(master):
                shown += part
        os.close(master)
        assert process.returncode == 0, shown.decode()
        assert b"fetching" in shown
        assert b"asyncio" in shown
        assert leaks(shown) == []
        assert leaks(titles) == []


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_the_sandbox_keeps_and_says_no_key(
    client: MarketData, sandbox_app: Any, sandbox_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with everything_logged() as log:
        client.open_interest(MARKET, **WINDOW)
        host, _, port = sandbox_url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{HIDDEN[0]} nonsense\r\nx-api-key: {HIDDEN[0]}\r\n\r\n".encode())
            assert leaks(connection.recv(65_536)) == []
    assert len(sandbox_app.state.requests) > 0
    said = [*log.said, *capfd.readouterr(), repr(list(sandbox_app.state.requests))]
    assert search(("said by the sandbox", text) for text in said) == []


# --- The conformance suite and the drift check ---


def test_the_suite_that_looks_at_a_server_gets_it_by_the_environment_alone(
    sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite whose every message quotes the key, in the place of the real one."""
    ran: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **options: Any) -> Any:
        ran.append((command, options["env"]))
        suite, case = ET.Element("testsuite"), ET.Element("testcase", name=f"test_{HIDDEN[0]}")
        case.append(ET.Element("failure", message=f"AssertionError: {HIDDEN[0]} is {json.dumps(HIDDEN[0])}"))
        suite.append(case)
        file = next(word for word in command if word.startswith("--junitxml=")).partition("=")[2]
        ET.ElementTree(suite).write(file, encoding="utf-8")
        return subprocess.CompletedProcess(command, 1, HIDDEN[0], HIDDEN[0])

    monkeypatch.setattr("allium_market_data.drift.impact.live.subprocess.run", run)
    with everything_logged() as log:
        found = live.look(live.Server(ApiKey(HIDDEN[0]), sandbox_url), Judgement())
    ((command, environment),) = ran
    assert leaks(" ".join(command)) == []
    assert environment["ALLIUM_API_KEY"] == HIDDEN[0]
    assert len(found.violations) == 1
    assert search(iter([*described("behaviour", found), *(("log", text) for text in log.said)])) == []


def test_the_real_suite_shows_no_key_to_whoever_runs_it(sandbox_url: str, tmp_path: Path) -> None:
    """Against a server that refuses everything and quotes the key: long tracebacks with local variables, a JUnit file."""
    junit, profile = tmp_path / "junit.xml", tmp_path / "seen.toml"
    words = ["-q", "-l", "--tb=long", "-vv", "-p", "no:cacheprovider", "-p", "no:randomly", f"--junitxml={junit}"]
    suite = ["tests/conformance/test_access.py", "--target=live"]
    env = {**os.environ, "ALLIUM_API_KEY": HIDDEN[0]}
    with served(SERVERS["400"][0]) as url:
        command = [sys.executable, "-m", "pytest", *words, *suite, f"--base-url={url}", f"--profile-out={profile}"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed" in done.stdout
    assert search(iter([("output", done.stdout), ("errors", done.stderr)])) == []
    assert search(files(tmp_path)) == []


def test_no_recording_holds_it_though_the_server_says_it(tmp_path: Path) -> None:
    file, header = tmp_path / "recording.json.xz", Document.load().key_header
    head = cassettes.Recorded("live", "2026-05-01", "0" * 64, "http://sandbox.invalid", MARKET, None, 0)
    with (
        served(SERVERS["400"][0]) as url,
        cassettes.recording(file, head, header, HIDDEN[0]),
        httpx.Client(headers={header: HIDDEN[0]}) as client,
    ):
        assert client.get(f"{url}/api").status_code == 400
    assert cassettes.read(file)[1]["interactions"]
    assert search(files(tmp_path)) == []


# --- Objects ---


@pytest.mark.parametrize("kind", [MarketData, AsyncMarketData])
def test_no_client_and_nothing_in_it_describes_copies_or_pickles_it(kind: Any, sandbox_url: str) -> None:
    made = kind(HIDDEN[0], sandbox_url)
    if kind is MarketData:
        made.open_interest(MARKET, **WINDOW)
        made.close()
    for thing in (made, getattr(made, "_settings", made), ApiKey(HIDDEN[0])):
        assert search(described(type(thing).__name__, thing)) == []
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(thing)
    assert copy.copy(ApiKey(HIDDEN[0])).reveal() == HIDDEN[0]


def test_what_stands_on_the_stacks_while_a_request_is_under_way_shows_no_key() -> None:
    """faulthandler, the tasks of asyncio, and a snapshot of every thread with its variables."""
    told: list[str] = []

    def answer(connection: Any, head: bytes) -> None:
        told.append(stacks())
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if names.get(ident) == "allium-market-data":
                summary = traceback.StackSummary.extract(traceback.walk_stack(frame), capture_locals=True)
                told.extend(f"{one.name} {one.locals}" for one in summary)

    once = RetryPolicy(attempts=1)
    with served(answer) as url, MarketData(HIDDEN[0], url, retry=once) as client, pytest.raises(FetchError):
        client.open_interest(MARKET, **WINDOW)
    assert any("run_forever" in text for text in told)
    assert search(("stacks", text) for text in told) == []

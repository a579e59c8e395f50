"""The key is in no output: commands, files, tables, charts, recordings, reports, stacks."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import socket
import subprocess
import sys
import threading
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from allium_market_data import AsyncMarketData, MarketData, RetryPolicy, plot
from allium_market_data.cli import main as cli
from allium_market_data.client import series_fetch, transport
from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.decode import decode
from allium_market_data.drift.impact import live
from allium_market_data.drift.model import Judgement
from allium_market_data.errors import AlliumError, BudgetError, FetchError, OutputError, StoreError, UsageError
from allium_market_data.sandbox import Samples, create_app, running
from allium_market_data.store import backfill, update, verify
from allium_market_data_wire.contract import KEY_HEADER
from conformance import cassettes
from support.serving import MARKET, served

from .leaks import (
    HIDDEN,
    descriptions,
    everything_logged,
    files,
    from_outside,
    leaks,
    reachable,
    renderings,
    search,
    stacks,
)
from .servers import SERVERS

ROOT = Path(__file__).parents[2]
SPAN = ["--interval", "1h", "--start", "2026-03-01", "--end", "2026-03-03"]
WINDOW: dict[str, Any] = {"interval": "1h", "start": "2026-03-01", "end": "2026-03-03"}


@pytest.fixture(scope="module")
def sandbox_app(served_samples: Samples) -> Any:
    """A sandbox that accepts the key."""
    return create_app(served_samples, api_key=HIDDEN[0])


@pytest.fixture(scope="module")
def sandbox_url(sandbox_app: Any) -> Iterator[str]:
    with running(sandbox_app) as url:
        yield url


@pytest.fixture
def client(sandbox_url: str) -> Iterator[MarketData]:
    with MarketData(HIDDEN[0], sandbox_url) as opened:
        yield opened


def test_written_files_do_not_contain_the_key(client: MarketData, tmp_path: Path) -> None:
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
    assert search(descriptions("series", series)) == []
    assert leaks(f"{series.to_arrow().schema.metadata}{series.to_polars()}{series.to_pandas().attrs}") == []


def test_tables_and_results_do_not_contain_the_key(client: MarketData, tmp_path: Path) -> None:
    table = tmp_path / "table"
    progress: list[Any] = []
    with everything_logged() as log:
        done = backfill([MARKET], **WINDOW, table=table, client=client, progress=progress.append)
        results = [done, *progress, verify(table, windows=2, client=client)]
        with pytest.raises(BudgetError) as caught:
            update(table, client=client, max_requests=2)
    assert done.rows == 48
    assert search(files(tmp_path)) == []
    assert search(piece for one in results for piece in descriptions(type(one).__name__, one)) == []
    assert search(renderings(from_outside(caught.value))) == []
    assert search(("log", text) for text in log.texts) == []


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
def test_later_errors_do_not_show_the_key(
    fail: Any, kind: type[AlliumError], client: MarketData, tmp_path: Path
) -> None:
    with everything_logged() as log, pytest.raises(kind) as caught:
        fail(client, tmp_path)
    failure = from_outside(caught.value)
    assert search(iter([*renderings(failure), *reachable(failure), *(("log", text) for text in log.texts)])) == []
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


def test_commands_do_not_print_the_key(sandbox_url: str, tmp_path: Path) -> None:
    output = []
    with everything_logged() as log:
        for arguments in commands(sandbox_url, tmp_path):
            result = CliRunner().invoke(cli.app, arguments, env={"ALLIUM_API_KEY": HIDDEN[0]})
            assert result.exit_code in (0, 1, 2, 13), result.output
            output += [(arguments[0], result.output)]
            if result.exception is not None and "--api-key" not in arguments:  # typer's frames hold the arguments
                output += list(renderings(from_outside(result.exception)))  # type: ignore[arg-type]
    assert search(iter(output)) == []
    assert search(("log", text) for text in log.texts) == []
    assert search(files(tmp_path)) == []


@pytest.mark.parametrize("server", ["400", "403", "500", "another market", "a broken header", "no http"])
def test_commands_redact_a_key_that_the_server_repeats(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(_: float) -> None:
        return

    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    output = []
    with served(SERVERS[server][0]) as url:
        for arguments in commands(url, tmp_path)[1:]:
            if arguments[0] in ("open-interest", "backfill", "plot") or "nowhere.md" in arguments:
                result = CliRunner().invoke(cli.app, arguments, env={"ALLIUM_API_KEY": HIDDEN[0]})
                output += [(arguments[0], result.output)]
    assert search(iter(output)) == []
    assert search(files(tmp_path)) == []


def test_sandbox_neither_keeps_nor_prints_the_key(
    client: MarketData, sandbox_app: Any, sandbox_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with everything_logged() as log:
        client.open_interest(MARKET, **WINDOW)
        host, _, port = sandbox_url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{HIDDEN[0]} nonsense\r\nx-api-key: {HIDDEN[0]}\r\n\r\n".encode())
            assert leaks(connection.recv(65_536)) == []
    assert len(sandbox_app.state.requests) > 0
    output = [*log.texts, *capfd.readouterr(), repr(list(sandbox_app.state.requests))]
    assert search(("sandbox", text) for text in output) == []


# --- The conformance suite and the drift check ---


def test_suite_gets_the_key_by_the_environment_only(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the suite whose every message quotes the key."""
    runs: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **options: Any) -> Any:
        runs.append((command, options["env"]))
        suite, case = ET.Element("testsuite"), ET.Element("testcase", name=f"test_{HIDDEN[0]}")
        case.append(ET.Element("failure", message=f"AssertionError: {HIDDEN[0]} is {json.dumps(HIDDEN[0])}"))
        suite.append(case)
        file = next(word for word in command if word.startswith("--junitxml=")).partition("=")[2]
        ET.ElementTree(suite).write(file, encoding="utf-8")
        return subprocess.CompletedProcess(command, 1, HIDDEN[0], HIDDEN[0])

    monkeypatch.setattr("allium_market_data.drift.impact.live.subprocess.run", run)
    with everything_logged() as log:
        behaviour = live.observe(live.Server(ApiKey(HIDDEN[0]), sandbox_url), Judgement())
    ((command, environment),) = runs
    assert leaks(" ".join(command)) == []
    assert environment["ALLIUM_API_KEY"] == HIDDEN[0]
    assert len(behaviour.violations) == 1
    assert search(iter([*descriptions("behaviour", behaviour), *(("log", text) for text in log.texts)])) == []


def test_recording_redacts_a_key_that_the_server_repeats(tmp_path: Path) -> None:
    file, header = tmp_path / "recording.json.xz", KEY_HEADER
    head = cassettes.Header("live", "2026-05-01", "0" * 64, {"market": MARKET})
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
def test_client_cannot_be_described_copied_or_pickled_with_the_key(kind: Any, sandbox_url: str) -> None:
    made = kind(HIDDEN[0], sandbox_url)
    if kind is MarketData:
        made.open_interest(MARKET, **WINDOW)
        made.close()
    for thing in (made, getattr(made, "_settings", made), ApiKey(HIDDEN[0])):
        assert search(descriptions(type(thing).__name__, thing)) == []
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(thing)
    assert copy.copy(ApiKey(HIDDEN[0])).reveal() == HIDDEN[0]


def test_package_frames_do_not_hold_the_key_during_a_request() -> None:
    """Frames of the HTTP library may: it writes the header."""
    snapshots: list[str] = []

    def respond(connection: Any, request: bytes) -> None:
        snapshots.append(stacks())
        snapshots.extend(_client_frames(lambda frame: "allium_market_data" in frame.f_code.co_filename))

    once = RetryPolicy(attempts=1)
    with served(respond) as url, MarketData(HIDDEN[0], url, retry=once) as client, pytest.raises(FetchError):
        client.open_interest(MARKET, **WINDOW)
    assert any("run_forever" in text for text in snapshots)
    assert search(("stacks", text) for text in snapshots) == []


def test_no_frame_holds_the_key_before_and_after_a_request(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots: list[str] = []

    def snapshot(*_: Any) -> None:
        snapshots.extend(_client_frames(lambda _: True))

    def snapshot_around(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            snapshot()
            return function(*args)

        return call

    monkeypatch.setattr(transport, "request", snapshot_around(transport.request))
    monkeypatch.setattr(series_fetch, "decode", snapshot_around(decode))
    with MarketData(HIDDEN[0], sandbox_url) as client:
        client.open_interest(MARKET, **WINDOW)
        snapshot()
    assert any("_read" in text for text in snapshots)
    assert search(("frames", text) for text in snapshots) == []


def _client_frames(belongs: Callable[[Any], bool]) -> Iterator[str]:
    """The frames of the client's thread and of suspended tasks, with their variables."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = [
        frame
        for ident, top in sys._current_frames().items()
        if names.get(ident) == "allium-market-data"
        for frame, _ in traceback.walk_stack(top)
    ]
    for task in [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Task)]:
        coroutine: Any = task.get_coro()
        while coroutine is not None:
            frames += filter(None, [getattr(coroutine, "cr_frame", None)])
            coroutine = getattr(coroutine, "cr_await", None)
    for frame in filter(belongs, frames):
        yield f"{frame.f_code.co_qualname} {frame.f_locals}"

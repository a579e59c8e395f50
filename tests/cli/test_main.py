"""The command: formats, exit statuses, one clear message for each failure, and nothing half-written."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from allium_market_data import MarketData, __version__
from allium_market_data.cli import main as cli
from allium_market_data.sandbox import create_app
from support.serving import MARKET, SECRET, Sandbox, http, served

SPAN = ["--interval", "1h", "--start", "2026-03-01", "--end", "2026-03-03"]
LONG = ["--interval", "1m", "--start", "2026-03-01", "--end", "2026-03-09"]
HEADER = "market_id,ts,oi_base,oi_quote_usd"
MAIN = [sys.executable, "-W", "error", "-c", "from allium_market_data.cli.main import main; main()"]


READ: dict[str, Any] = {
    "csv": lambda file: list(csv.DictReader(file.read_text().splitlines())),
    "jsonl": lambda file: [json.loads(line) for line in file.read_text().splitlines()],
    "parquet": lambda file: pq.read_table(file).to_pylist(),
    "arrow": lambda file: pyarrow.ipc.open_file(file).read_all().to_pylist(),
}


def run(*words: str, **env: str) -> Result:
    return CliRunner().invoke(cli.app, list(words), env=env)


@pytest.fixture
def fetch(sandbox: Sandbox) -> Any:
    """Run ``allium-md open-interest`` against the sandbox."""

    def call(*words: str, key: str = sandbox.key) -> Result:
        return run("open-interest", "--base-url", sandbox.url, *words, ALLIUM_API_KEY=key)

    return call


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    """The environment of a process that asks the sandbox."""
    return {**os.environ, "ALLIUM_API_KEY": sandbox.key, "ALLIUM_BASE_URL": sandbox.url, "COLUMNS": "100"}


def failed(result: Result, status: int, *saying: str) -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("allium-md: ")
    for words in saying:
        assert words in lines[0]


def test_a_pipe_gets_csv_with_the_decimals_as_the_server_wrote_them(fetch: Any, sandbox: Sandbox) -> None:
    result = fetch(MARKET, *SPAN)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = list(csv.reader(result.stdout.splitlines()))
    assert ",".join(rows[0]) == HEADER
    with MarketData(sandbox.key, sandbox.url) as client:
        series = client.open_interest(MARKET, interval="1h", start="2026-03-01", end="2026-03-03")
    assert rows[1:] == [[row.market_id, row.ts.isoformat(), f"{row.oi_base}", f"{row.oi_quote_usd}"] for row in series]
    assert rows[1][1] == "2026-03-01T00:00:00+00:00"


def test_json_lines_hold_the_same_as_strings(fetch: Any) -> None:
    lines = [json.loads(line) for line in fetch(MARKET, *SPAN, "--format", "jsonl").stdout.splitlines()]
    rows = list(csv.DictReader(fetch(MARKET, *SPAN, "-f", "csv").stdout.splitlines()))
    assert lines == rows
    assert len(lines) == 48


def test_several_markets_follow_one_another_each_once(fetch: Any) -> None:
    result = fetch(MARKET, "hl:perp:SOL-USDC", MARKET, *SPAN)
    markets = [row[0] for row in csv.reader(result.stdout.splitlines()[1:])]
    assert markets == [MARKET] * 48 + ["hl:perp:SOL-USDC"] * 48


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "arrow", "CSV"])
def test_a_file_has_the_format_of_its_ending(fetch: Any, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rows.{ending}"
    result = fetch(MARKET, *SPAN, "--output", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{file}: 48 rows\n")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    rows = READ[ending.lower()](file)
    expected = csv.DictReader(fetch(MARKET, *SPAN).stdout.splitlines())
    assert [Decimal(row["oi_base"]) for row in rows] == [Decimal(row["oi_base"]) for row in expected]


def test_a_format_that_is_named_wins_over_the_ending(fetch: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.txt"
    assert fetch(MARKET, *SPAN, "-o", str(file), "-f", "csv").exit_code == 0
    assert file.read_text().startswith(HEADER)


def test_a_file_is_not_overwritten_unless_that_is_asked_for(fetch: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("precious")
    failed(fetch(MARKET, *SPAN, "-o", str(file)), 1, f"{file} exists already: nothing was written", "--overwrite")
    assert (file.read_text(), sandbox.requests) == ("precious", [])
    assert fetch(MARKET, *SPAN, "-o", str(file), "--overwrite").exit_code == 0
    assert file.read_text().startswith(HEADER)


def test_a_table_shows_both_ends_of_many_rows(fetch: Any) -> None:
    result = fetch(MARKET, *SPAN, "--format", "table")
    assert result.exit_code == 0
    assert "8 more" in result.stdout
    assert "2026-03-01 00:00" in result.stdout
    assert "2026-03-02 23:00" in result.stdout
    assert "2026-03-01 20:00" not in result.stdout
    assert result.stderr == "(--output FILE writes every row)\n"


def test_a_failing_fetch_leaves_no_file(fetch: Any, tmp_path: Path) -> None:
    result = fetch(MARKET, "hl:perp:NONE", *SPAN, "-o", str(tmp_path / "rows.csv"))
    failed(result, 1, "the server answered 404", "Market not found: hl:perp:NONE", "2026-02-28T23:00:00Z")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        ([MARKET, "--interval", "2h", "--start", "2026-03-01", "--end", "2026-03-02"], "unknown interval '2h'"),
        ([MARKET, "--interval", "1h", "--start", "2026-03-02", "--end", "2026-03-01"], "start must be before end"),
        ([MARKET, "--interval", "1h", "--start", "soon", "--end", "2026-03-01"], "start is no ISO 8601 time: 'soon'"),
        (["", *SPAN], "'' is no market"),
        ([MARKET, "", *SPAN], "'' is no market"),
        ([MARKET, *SPAN, "--format", "xlsx"], "unknown format 'xlsx': use one of csv, jsonl, parquet, arrow, table"),
        ([MARKET, *SPAN, "--format", "parquet"], "parquet is for files: say where with --output"),
        ([MARKET, *SPAN, "--output", "rows.xlsx"], "rows.xlsx does not tell its format"),
        ([MARKET, *SPAN, "--output", "rows"], "rows does not tell its format"),
        ([MARKET, *SPAN, "--output", "rows.csv", "--format", "table"], "a table is for a terminal"),
        ([MARKET, *SPAN, "--timeout", "0"], "timeout must be a number of seconds above 0"),
        ([MARKET, *SPAN, "--timeout", "nan"], "timeout must be a number of seconds above 0"),
        ([MARKET, *SPAN, "--concurrency", "0"], "max_concurrency must be a whole number above 0"),
        ([MARKET, *SPAN, "--rate", "0"], "max_rate must be a number of requests a second above 0"),
        ([MARKET, *SPAN, "--base-url", "http://api.example"], "would get the API key in the clear"),
        ([MARKET, *SPAN, "--base-url", ""], "base_url must be like https://host[:port]"),
    ],
)
def test_wrong_usage_is_one_line_and_asks_nothing(fetch: Any, sandbox: Sandbox, words: list[str], saying: str) -> None:
    failed(fetch(*words), 2, saying)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "words", [["open-interest"], ["open-interest", MARKET], ["nothing"], ["sandbox", "--port", "x"], ["plan", "--what"]]
)
def test_words_that_are_no_command_end_with_usage(words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


def test_a_missing_key_is_told_with_what_to_do(fetch: Any, sandbox: Sandbox) -> None:
    failed(fetch(MARKET, *SPAN, key=""), 2, "there is no API key", "set ALLIUM_API_KEY")
    assert sandbox.requests == []


def test_a_refused_key_is_in_no_output(fetch: Any) -> None:
    failed(fetch(MARKET, *SPAN, key=SECRET), 1, "403", "Invalid API key")
    answer = http(f"not {SECRET}".encode() * 3, "401 \x1b[31mNo")
    with served(lambda connection, _: connection.sendall(answer)) as url:
        result = run("open-interest", MARKET, *SPAN, "--base-url", url, ALLIUM_API_KEY=SECRET)
    failed(result, 1, "401", "it says: not ***not ***not ***")
    assert "nobody" not in result.output
    failed(fetch(MARKET, *SPAN, key="n\u00f6body may see"), 2, "the API key must be text of printable ASCII characters")


def test_a_server_that_is_not_there_is_told_after_the_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setattr("stamina._core._smart_sleep", sleep)
    result = run("open-interest", MARKET, *SPAN, "--base-url", url, ALLIUM_API_KEY="key")
    failed(result, 1, f"no whole answer from {url}: cannot connect: Connection refused", MARKET)


def test_a_market_with_control_characters_reaches_no_terminal(fetch: Any) -> None:
    result = fetch("hl:perp:\x1b[2J", *SPAN)
    failed(result, 2, "is no market")
    assert "\x1b" not in result.output


def test_no_message_brings_control_characters_to_a_terminal(fetch: Any) -> None:
    result = fetch(MARKET, *SPAN, "--output", "no\x1b[2Jfolder/rows.csv")
    failed(result, 1, "there is no folder")
    assert "\x1b" not in result.output


def test_a_plan_is_told_without_a_key_and_without_a_request(sandbox: Sandbox) -> None:
    result = run("plan", *LONG, ALLIUM_BASE_URL="http://broken.example")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "3 requests for 11,520 buckets of 1m, 2026-03-01T00:00:00Z to 2026-03-09T00:00:00Z"
    assert lines[1] == "     1  2026-02-28T23:59:00Z to 2026-03-04T11:17:00Z"
    assert len(lines) == 4
    assert sandbox.requests == []
    failed(
        run("plan", "--interval", "1h", "--start", "2026-03-02", "--end", "2026-03-01"), 2, "start must be before end"
    )


def test_the_version_and_the_help_are_told() -> None:
    assert run("--version").stdout == f"allium-md {__version__}\n"
    assert "Unofficial" in run("--help").stdout
    assert "Usage" in run().output


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (["--port", "65536"], "port 65536 is not between 0 and 65535"),
        (["--port", "-1"], "port -1 is not between 0 and 65535"),
        (["--port", "0", "--reading", "nonsense"], "nonsense"),
        (["--port", "0", "--host", "nowhere.invalid"], "nowhere.invalid"),
        (["--port", "0", "--api-key", ""], "API key"),
    ],
)
def test_a_sandbox_that_cannot_be_is_one_line(monkeypatch: pytest.MonkeyPatch, words: list[str], saying: str) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    if "--host" in words:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failed(run("sandbox", *words), 1, saying)


def test_a_port_that_is_taken_is_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    failed(run("sandbox", "--port", port), 1, f"cannot listen on 127.0.0.1 port {port}")


def test_a_broken_data_file_is_one_line_that_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    file.write_text(f"{HEADER}\nm:perp:X,2026-03-01T00:00:00Z,1.5,2\nm:perp:X,never,1.5,2\n")
    failed(run("sandbox", "--port", "0", "--data", str(file)), 1, "samples.csv", "line 3")
    failed(run("sandbox", "--port", "0", "--data", str(tmp_path / "none.csv")), 1, "none.csv")


def test_a_sandbox_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "allium_market_data.sandbox.server", raising=False)
    failed(run("sandbox", "--port", "0"), 1, "the sandbox is an extra: pip install 'allium-market-data[sandbox]'")


class Failing:
    """A standard output on a full disk."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        raise self.error

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "allium-md: cannot write standard output: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe"), ""),
    ],
)
def test_an_output_that_fails_at_the_last_moment_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["allium-md", "--version"])
    monkeypatch.setattr(sys, "stdout", Failing(error))
    monkeypatch.setattr(cli, "_mute", lambda: None)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (1, said)


def test_a_broken_pipe_is_met_quietly_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["allium-md", "plan", *LONG])
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        stdout.flush()  # as Python does at its end
    assert caught.value.code == 1


def test_the_entry_point_ends_with_the_status_of_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, status in ((["--version"], 0), (["plan", "-i", "2h", "--start", "2026", "--end", "2027"], 2)):
        monkeypatch.setattr(sys, "argv", ["allium-md", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert caught.value.code == status
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupt_is_130_and_one_line(fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("allium_market_data.cli.output.deliver", interrupt)
    failed(fetch(MARKET, *SPAN), 130, "interrupted; nothing half-written stays")


def test_retries_are_no_lines_on_standard_error(sandbox_app: Any, served_samples: Any) -> None:
    """The library that does them logs each, and Python prints what nobody handles."""
    heads: list[bytes] = []

    def answer(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.sendall(http(b"", "503 No", ["retry-after: 0"]) if len(heads) < 2 else http(b'{"items": []}'))

    with served(answer) as url:
        done = subprocess.run(
            [*MAIN, "open-interest", MARKET, *SPAN, "--base-url", url],
            capture_output=True,
            text=True,
            env={**os.environ, "ALLIUM_API_KEY": "key"},
            check=False,
        )
    assert len(heads) == 3
    assert (done.returncode, done.stdout, done.stderr) == (0, HEADER + "\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")
def test_a_terminal_gets_a_table_and_progress(env: dict[str, str]) -> None:
    import pty

    master, slave = pty.openpty()
    with subprocess.Popen([*MAIN, "open-interest", MARKET, *SPAN], stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        shown = b""
        while part := _read(master):
            shown += part
    os.close(master)
    assert process.returncode == 0
    text = shown.decode()
    assert "oi_quote_usd" in text
    assert "8 more" in text
    assert "fetching" in text
    assert HEADER not in text


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_reader_that_has_had_enough_ends_the_command_without_a_word(env: dict[str, str]) -> None:
    with subprocess.Popen(
        [*MAIN, "open-interest", MARKET, *LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().decode() == f"{HEADER}\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_is_one_line(env: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MAIN, "plan", *SPAN], stdout=full, stderr=subprocess.PIPE, text=True, env=env, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "allium-md: cannot write standard output: No space left on device\n",
    )


@pytest.fixture
def stalled(served_samples: Any) -> Iterator[tuple[str, threading.Event]]:
    """A server that answers nothing, and the moment when it was asked."""
    asked, over = threading.Event(), threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        asked.set()
        over.wait(20)

    with served(answer) as url:
        yield url, asked
        over.set()


def test_ctrl_c_does_not_wait_for_a_stalled_server_and_leaves_no_file(
    stalled: tuple[str, threading.Event], tmp_path: Path
) -> None:
    url, asked = stalled
    words = ["open-interest", MARKET, *LONG, "--base-url", url, "--output", str(tmp_path / "rows.parquet")]
    with subprocess.Popen(
        [*MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ALLIUM_API_KEY": "key"},
    ) as process:
        assert asked.wait(20)
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=15)  # the request itself may take 30 s
    assert (process.returncode, *output) == (130, "", "allium-md: interrupted; nothing half-written stays\n")
    assert list(tmp_path.iterdir()) == []


def test_the_sandbox_serves_until_it_is_interrupted() -> None:
    with subprocess.Popen([*MAIN, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with MarketData("sandbox-key", url) as client:
            series = client.open_interest(
                "bitmex:perp:XBTUSD", interval="1h", start="2019-12-26T20:00:00Z", end="2019-12-26T22:00:00Z"
            )
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert len(series) == 2


def test_an_app_for_another_key_is_asked_with_it(served_samples: Any) -> None:
    from allium_market_data.sandbox import running

    with running(create_app(served_samples, api_key="another")) as url:
        result = run("open-interest", MARKET, *SPAN, ALLIUM_API_KEY="another", ALLIUM_BASE_URL=url)
    assert result.exit_code == 0

"""``allium-md``: formats, exit statuses, and one clear message for each failure."""

from __future__ import annotations

import csv
import json
import os
import socket
import sys
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
HEADER = "market_id,ts,oi_base,oi_quote_usd,provisional"
READ: dict[str, Any] = {
    "csv": lambda file: list(csv.DictReader(file.read_text().splitlines())),
    "jsonl": lambda file: [json.loads(line) for line in file.read_text().splitlines()],
    "parquet": lambda file: pq.read_table(file).to_pylist(),
    "arrow": lambda file: pyarrow.ipc.open_file(file).read_all().to_pylist(),
}


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), env=env)


@pytest.fixture
def fetch(sandbox: Sandbox) -> Any:
    """Run ``allium-md open-interest`` against the sandbox."""

    def call(*words: str, key: str = sandbox.key) -> Result:
        return run("open-interest", "--base-url", sandbox.url, *words, ALLIUM_API_KEY=key)

    return call


def failed(result: Result, status: int, *expected: str) -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("allium-md: ")
    for words in expected:
        assert words in lines[0]


def test_pipe_gets_csv_with_the_servers_decimals(fetch: Any, sandbox: Sandbox) -> None:
    result = fetch(MARKET, *SPAN)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = list(csv.reader(result.stdout.splitlines()))
    assert ",".join(rows[0]) == HEADER
    with MarketData(sandbox.key, sandbox.url) as client:
        series = client.open_interest(MARKET, interval="1h", start="2026-03-01", end="2026-03-03")
    assert rows[1:] == [
        [row.market_id, row.ts.isoformat(), f"{row.oi_base}", f"{row.oi_quote_usd}", "false"] for row in series
    ]
    assert rows[1][1] == "2026-03-01T00:00:00+00:00"


def test_json_lines_have_the_same_values_as_csv(fetch: Any) -> None:
    lines = [json.loads(line) for line in fetch(MARKET, *SPAN, "--format", "jsonl").stdout.splitlines()]
    rows = list(csv.DictReader(fetch(MARKET, *SPAN, "-f", "csv").stdout.splitlines()))
    assert [{**line, "provisional": str(line["provisional"]).lower()} for line in lines] == rows
    assert len(lines) == 48


def test_several_markets_are_written_in_order_each_once(fetch: Any) -> None:
    result = fetch(MARKET, "hl:perp:SOL-USDC", MARKET, *SPAN)
    markets = [row[0] for row in csv.reader(result.stdout.splitlines()[1:])]
    assert markets == [MARKET] * 48 + ["hl:perp:SOL-USDC"] * 48


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "arrow", "CSV"])
def test_file_format_follows_the_suffix(fetch: Any, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rows.{ending}"
    result = fetch(MARKET, *SPAN, "--output", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{file}: 48 rows\n")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    rows = READ[ending.lower()](file)
    expected = csv.DictReader(fetch(MARKET, *SPAN).stdout.splitlines())
    assert [Decimal(row["oi_base"]) for row in rows] == [Decimal(row["oi_base"]) for row in expected]


def test_format_option_wins_over_the_suffix(fetch: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.txt"
    assert fetch(MARKET, *SPAN, "-o", str(file), "-f", "csv").exit_code == 0
    assert file.read_text().startswith(HEADER)


def test_existing_file_is_kept_without_overwrite(fetch: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("precious")
    failed(fetch(MARKET, *SPAN, "-o", str(file)), 1, f"{file} exists already: nothing was written", "--overwrite")
    assert (file.read_text(), sandbox.requests) == ("precious", [])
    assert fetch(MARKET, *SPAN, "-o", str(file), "--overwrite").exit_code == 0
    assert file.read_text().startswith(HEADER)


def test_table_shows_both_ends_of_a_long_series(fetch: Any) -> None:
    result = fetch(MARKET, *SPAN, "--format", "table")
    assert result.exit_code == 0
    assert "8 more" in result.stdout
    assert "2026-03-01 00:00" in result.stdout
    assert "2026-03-02 23:00" in result.stdout
    assert "2026-03-01 20:00" not in result.stdout
    assert result.stderr == "(--output FILE writes every row)\n"


def test_failed_fetch_leaves_no_file(fetch: Any, tmp_path: Path) -> None:
    result = fetch(MARKET, "hl:perp:NONE", *SPAN, "-o", str(tmp_path / "rows.csv"))
    failed(result, 1, "the server answered 404", "Market not found: hl:perp:NONE", "2026-02-28T23:00:00Z")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([MARKET, "--interval", "2h", "--start", "2026-03-01", "--end", "2026-03-02"], "unknown interval '2h'"),
        ([MARKET, "--interval", "1h", "--start", "2026-03-02", "--end", "2026-03-01"], "start must be before end"),
        (
            [MARKET, "--interval", "1h", "--start", "soon", "--end", "2026-03-01"],
            "start is not an ISO 8601 time: 'soon'",
        ),
        (["", *SPAN], "invalid market ''"),
        ([MARKET, "", *SPAN], "invalid market ''"),
        ([MARKET, *SPAN, "--format", "xlsx"], "unknown format 'xlsx': use one of csv, jsonl, parquet, arrow, table"),
        ([MARKET, *SPAN, "--format", "parquet"], "parquet needs a file: pass --output"),
        ([MARKET, *SPAN, "--output", "rows.xlsx"], "cannot tell the format of rows.xlsx"),
        ([MARKET, *SPAN, "--output", "rows"], "cannot tell the format of rows"),
        ([MARKET, *SPAN, "--output", "rows.csv", "--format", "table"], "a table cannot be written to a file"),
        ([MARKET, *SPAN, "--timeout", "0"], "timeout must be a number of seconds above 0"),
        ([MARKET, *SPAN, "--timeout", "nan"], "timeout must be a number of seconds above 0"),
        ([MARKET, *SPAN, "--concurrency", "0"], "max_concurrency must be a whole number above 0"),
        ([MARKET, *SPAN, "--rate", "0"], "max_rate must be a number of requests a second above 0"),
        ([MARKET, *SPAN, "--base-url", "http://api.example"], "would send the API key in the clear"),
        ([MARKET, *SPAN, "--base-url", ""], "base_url must be like https://host[:port]"),
    ],
)
def test_wrong_usage_is_one_line_and_sends_nothing(
    fetch: Any, sandbox: Sandbox, words: list[str], expected: str
) -> None:
    failed(fetch(*words), 2, expected)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "words", [["open-interest"], ["open-interest", MARKET], ["nothing"], ["sandbox", "--port", "x"], ["plan", "--what"]]
)
def test_invalid_command_line_prints_usage(words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


def test_missing_key_message_says_what_to_do(fetch: Any, sandbox: Sandbox) -> None:
    failed(fetch(MARKET, *SPAN, key=""), 2, "there is no API key", "set ALLIUM_API_KEY")
    assert sandbox.requests == []


def test_refused_key_is_not_printed(fetch: Any) -> None:
    failed(fetch(MARKET, *SPAN, key=SECRET), 1, "403", "Invalid API key")
    answer = http(f"not {SECRET}".encode() * 3, "401 \x1b[31mNo")
    with served(lambda connection, _: connection.sendall(answer)) as url:
        result = run("open-interest", MARKET, *SPAN, "--base-url", url, ALLIUM_API_KEY=SECRET)
    failed(result, 1, "401", "it says: not ***not ***not ***")
    assert "nobody" not in result.output
    failed(fetch(MARKET, *SPAN, key="n\u00f6body may see"), 2, "the API key must be text of printable ASCII characters")


def test_unreachable_server_is_reported_after_the_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    result = run("open-interest", MARKET, *SPAN, "--base-url", url, ALLIUM_API_KEY="key")
    failed(result, 1, f"no complete response from {url}: cannot connect: Connection refused", MARKET)


def test_control_characters_of_a_market_are_not_printed(fetch: Any) -> None:
    result = fetch("hl:perp:\x1b[2J", *SPAN)
    failed(result, 2, "invalid market")
    assert "\x1b" not in result.output


def test_control_characters_of_a_path_are_not_printed(fetch: Any) -> None:
    result = fetch(MARKET, *SPAN, "--output", "no\x1b[2Jfolder/rows.csv")
    failed(result, 1, "does not exist")
    assert "\x1b" not in result.output


def test_plan_needs_no_key_and_sends_nothing(sandbox: Sandbox) -> None:
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


def test_version_and_help() -> None:
    assert run("--version").stdout == f"allium-md {__version__}\n"
    assert "Unofficial" in run("--help").stdout
    assert "Usage" in run().output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--port", "65536"], "port 65536 is not between 0 and 65535"),
        (["--port", "-1"], "port -1 is not between 0 and 65535"),
        (["--port", "0", "--reading", "nonsense"], "nonsense"),
        (["--port", "0", "--host", "nowhere.invalid"], "nowhere.invalid"),
        (["--port", "0", "--api-key", ""], "API key"),
    ],
)
def test_sandbox_option_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    if "--host" in words:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failed(run("sandbox", *words), 1, expected)


def test_sandbox_on_a_taken_port_is_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    failed(run("sandbox", "--port", port), 1, f"cannot listen on 127.0.0.1 port {port}")


def test_broken_data_file_error_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    file.write_text("market_id,ts,oi_base,oi_quote_usd\nm:perp:X,2026-03-01T00:00:00Z,1.5,2\nm:perp:X,never,1.5,2\n")
    failed(run("sandbox", "--port", "0", "--data", str(file)), 1, "samples.csv", "line 3")
    failed(run("sandbox", "--port", "0", "--data", str(tmp_path / "none.csv")), 1, "none.csv")


def test_sandbox_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for module in ("allium_market_data.sandbox.server", "allium_market_data.cli.sandbox"):
        monkeypatch.delitem(sys.modules, module, raising=False)
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
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "allium-md: cannot write standard output: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe"), ""),
    ],
)
def test_output_that_fails_on_flush_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, message: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["allium-md", "--version"])
    monkeypatch.setattr(sys, "stdout", Failing(error))
    monkeypatch.setattr(cli, "_mute", lambda: None)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (1, message)


def test_broken_pipe_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["allium-md", "plan", *LONG])
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        stdout.flush()  # as Python does at its end
    assert caught.value.code == 1


def test_entry_point_exits_with_the_status_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, status in ((["--version"], 0), (["plan", "-i", "2h", "--start", "2026", "--end", "2027"], 2)):
        monkeypatch.setattr(sys, "argv", ["allium-md", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert caught.value.code == status
    assert "Traceback" not in capsys.readouterr().err


def test_interrupt_is_exit_status_130_and_one_line(fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("allium_market_data.cli.output.deliver", interrupt)
    failed(fetch(MARKET, *SPAN), 130, "interrupted; nothing half-written stays")


def test_key_of_the_environment_is_sent(served_samples: Any) -> None:
    from allium_market_data.sandbox import running

    with running(create_app(served_samples, api_key="another")) as url:
        result = run("open-interest", MARKET, *SPAN, ALLIUM_API_KEY="another", ALLIUM_BASE_URL=url)
    assert result.exit_code == 0

"""``allium-md``: formats, exit statuses, and one clear message for each failure."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import socket
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from allium_market_data import INTERVALS, MarketData, __version__
from allium_market_data.cli import main as cli
from allium_market_data.cli.options import OutputFormat
from allium_market_data.errors import AlliumError
from allium_market_data.model.endpoint import OPEN_INTEREST
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


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("dash", [[], ["-o", "-"]])
def test_pipe_gets_the_bytes_of_the_file(
    fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str, dash: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "rows"
    assert fetch(MARKET, *SPAN, "-f", file_format, "-o", str(file)).exit_code == 0
    result = fetch(MARKET, *SPAN, "-f", file_format, *dash)
    assert (result.exit_code, result.stderr) == (0, "")
    piped = tmp_path / "piped"
    piped.write_bytes(result.stdout_bytes)
    assert READ[file_format](piped) == READ[file_format](file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["piped", "rows"]


def test_dash_without_a_format_is_a_pipe(fetch: Any) -> None:
    assert fetch(MARKET, *SPAN, "-o", "-").stdout == fetch(MARKET, *SPAN).stdout != ""


@pytest.mark.parametrize("file_format", ["parquet", "arrow"])
def test_failed_fetch_pipes_no_half_file(fetch: Any, file_format: str) -> None:
    failed(fetch(MARKET, "hl:perp:NONE", *SPAN, "-f", file_format), 1, "the server answered 404")


def test_span_without_end_ends_now(fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allium_market_data.validation.current_time", lambda: datetime(2026, 3, 2, 5, tzinfo=UTC))
    rows = csv.DictReader(fetch(MARKET, "-i", "1h", "--start", "-3h").stdout.splitlines())
    assert [row["ts"][:13] for row in rows] == ["2026-03-02T02", "2026-03-02T03", "2026-03-02T04"]


def test_verbose_prints_a_line_for_each_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        return

    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    responses = iter([http(b"", "503 No"), http(b"", "503 No")])
    empty = http(b'{"items": []}')
    with served(lambda connection, _: connection.sendall(next(responses, empty))) as url:
        result = run("open-interest", MARKET, *SPAN, "-v", "--base-url", url, ALLIUM_API_KEY="key")
    first, second = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (0, f"{HEADER}\n")
    assert re.fullmatch(
        rf"allium-md: attempt 1 of 6 failed, next in \d\.\d s: the server answered 503: .* \(GET {url}/api/.*\)", first
    )
    assert second.startswith("allium-md: attempt 2 of 6 failed")
    handlers = logging.getLogger("allium_market_data").handlers
    assert {type(handler) for handler in handlers} == {logging.NullHandler}


def test_allow_insecure_sends_the_key_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []

    def connect(_: object, base_url: str, **options: Any) -> Any:
        seen.append((base_url, options["allow_insecure"]))
        raise AlliumError("enough")

    monkeypatch.setattr("allium_market_data.client.sync_client.MarketData", connect)
    failed(run("open-interest", MARKET, *SPAN, "--base-url", "http://a.example", "--allow-insecure"), 1, "enough")
    assert seen == [("http://a.example", True)]


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
        ([MARKET, "--interval", "1h", "--start", "2026-03-02", "--end", "2026-03-01"], "start must be before end"),
        (
            [MARKET, "--interval", "1h", "--start", "soon", "--end", "2026-03-01"],
            "start is not an ISO 8601 time: 'soon'",
        ),
        (["", *SPAN], "invalid market ''"),
        ([MARKET, "", *SPAN], "invalid market ''"),
        ([MARKET, *SPAN, "--output", "rows.xlsx"], "cannot tell the format of rows.xlsx"),
        ([MARKET, *SPAN, "--output", "rows"], "cannot tell the format of rows"),
        ([MARKET, *SPAN, "--output", "rows.csv", "--format", "table"], "a table cannot be written to a file"),
        ([MARKET, *SPAN, "-o", "rows.parquet", "-f", "csv"], "rows.parquet is named as parquet, but --format is csv"),
        ([MARKET, *SPAN, "--timeout", "0"], "md: --timeout must be a number of seconds above 0, not 0.0"),
        ([MARKET, *SPAN, "--timeout", "nan"], "md: --timeout must be a number of seconds above 0, not nan"),
        ([MARKET, *SPAN, "--deadline", "0"], "md: --deadline must be a number of seconds above 0, not 0.0"),
        ([MARKET, *SPAN, "--max-concurrency", "0"], "md: --max-concurrency must be a whole number above 0, not 0"),
        ([MARKET, *SPAN, "--max-rate", "0"], "md: --max-rate must be a number of requests a second above 0, not 0.0"),
        ([MARKET, *SPAN, "--base-url", "http://api.example"], "in the clear: use https, or --allow-insecure"),
        ([MARKET, *SPAN, "--base-url", ""], "md: --base-url must be like https://host[:port]"),
    ],
)
def test_wrong_usage_is_one_line_and_sends_nothing(
    fetch: Any, sandbox: Sandbox, words: list[str], expected: str
) -> None:
    result = fetch(*words)
    failed(result, 2, expected)
    assert not re.search(r"=True|=None|\bNone\b|\b[a-z]+_[a-z_]+\b", result.stderr)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (["--interval", "2h", "--start", "2026"], INTERVALS),
        ([*SPAN, "--format", "xlsx"], get_args(OutputFormat)),
        ([*SPAN, "--format", "CSV"], get_args(OutputFormat)),
        ([*SPAN, "--format", ""], get_args(OutputFormat)),
    ],
)
def test_unknown_choice_is_wrong_usage_and_lists_the_choices(
    fetch: Any, sandbox: Sandbox, words: list[str], choices: tuple[str, ...]
) -> None:
    result = fetch(MARKET, *words)
    assert (result.exit_code, result.stdout, sandbox.requests) == (2, "", [])
    assert ", ".join(f"'{choice}'" for choice in choices) in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "words", [["open-interest"], ["open-interest", MARKET], ["nothing"], ["sandbox", "--port", "x"], ["plan", "--what"]]
)
def test_invalid_command_line_prints_usage(words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


def test_missing_key_message_says_what_to_do(fetch: Any, sandbox: Sandbox) -> None:
    failed(fetch(MARKET, *SPAN, key=""), 2, "md: there is no API key: set ALLIUM_API_KEY")
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
    assert run("-h").stdout == run("--help").stdout
    assert "Usage" in run().output


COMMANDS = sorted(get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_is_short_for_h_and_lists_choices(command: str) -> None:
    result = run(command, "-h", COLUMNS="200")
    assert (result.exit_code, result.stdout) == (0, run(command, "--help", COLUMNS="200").stdout)
    assert "list[" not in result.stdout
    if "--interval" in result.stdout:
        assert f"--interval <{'|'.join(INTERVALS)}>" in result.stdout
    if command == "open-interest":
        assert f"--format <{'|'.join(get_args(OutputFormat))}>" in result.stdout
    if command == "plot":
        assert f"--amount <{'|'.join(OPEN_INTEREST.columns)}>" in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_can_be_shown_for_each_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    script = CliRunner().invoke(cli.app, ["--show-completion"], prog_name="allium-md")
    assert script.exit_code == 0
    assert "_ALLIUM_MD_COMPLETE" in script.stdout
    assert f"complete_{shell}" in script.stdout


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("allium-md op", ["open-interest"]),
        ("allium-md open-interest -i ", list(INTERVALS)),
        ("allium-md open-interest --format p", ["parquet"]),
        ("allium-md plot --amount oi_b", ["oi_base"]),
        ("allium-md watch --allow", ["--allow-insecure"]),
    ],
)
def test_completion_knows_commands_options_and_choices(typed: str, words: list[str]) -> None:
    env = {
        "_ALLIUM_MD_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    result = CliRunner().invoke(cli.app, [], prog_name="allium-md", env=env)
    assert result.stdout.split() == words


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

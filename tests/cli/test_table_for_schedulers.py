"""What a scheduler reads of the commands of a table: exit statuses, JSON objects, ages, gaps, and a line a minute."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

import allium_market_data.store
from allium_market_data import errors
from allium_market_data.cli import table_checks
from allium_market_data.cli.exit_status import CheckError, ExitStatus, table_status
from allium_market_data.cli.options import storage_options
from allium_market_data.cli.table_checks import parse_age
from allium_market_data.cli.table_log import ProgressLog
from allium_market_data.errors import UsageError
from allium_market_data.model.times import micros
from allium_market_data.store import Progress, Table, forget
from support.commands import BACKFILL, SPAN, run
from support.exchange import BTC, ETH, Exchange

README = Path(allium_market_data.store.__file__).with_name("README.md")

HEAD = {"command", "table", "status", "exit_status", "error"}
RUN = {"rows", "requests", "seconds", "windows", "failures"}
FIELDS = {
    "backfill": HEAD | RUN,
    "update": HEAD | RUN | {"added", "settled", "restated", "dropped", "vanished", "late"},
    "status": HEAD | {"series", "files"},
    "verify": HEAD | {"windows", "rows", "requests", "differences"},
}
"""The fields of each object. They are stable: a new one may come, none may go."""

SERIES = {"market", "interval", "rows", "provisional", "missing", "start", "end", "age_seconds", "gaps", "retired"}


@pytest.fixture
def filled(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    monkeypatch.setattr(table_checks, "_now", lambda: micros(exchange.now))
    return exchange


def read(command: str | list[str], *words: str | Path, status: int = 0) -> dict[str, Any]:
    """The object that a command prints, which must have all its fields and this exit status."""
    first = [command] if isinstance(command, str) else command
    result = run(*first, *words, "--json")
    content: dict[str, Any] = json.loads(result.stdout)
    assert set(content) == FIELDS[first[0]]
    assert (result.exit_code, content["exit_status"], content["command"]) == (status, status, first[0]), result.output
    assert content["status"] == str(ExitStatus(status))
    assert (content["error"] is None) == (status == 0)
    assert result.stderr.endswith(f"allium-md: {content['error']}\n") or status == 0
    return content


def test_each_command_prints_one_object(filled: Exchange, table: Path) -> None:
    done = read(BACKFILL, "--table", table)
    assert (done["rows"], done["windows"]) == (96, {"planned": 1, "done": 1})
    assert done["requests"] == filled.request_count
    filled.put(BTC, "2026-05-04T05:00", "1")
    updated = read("update", "--table", table)
    assert (updated["added"], updated["restated"], updated["rows"]) == (370, 1, 371)
    verified = read("verify", "--table", table, "--windows", "3")
    assert (verified["windows"] <= 3, verified["differences"]) == (True, [])
    (series,) = read("status", "--table", table)["series"]
    assert set(series) == SERIES
    assert (series["market"], series["interval"], series["rows"], series["gaps"]) == (BTC, "1h", 466, [])
    assert (series["start"], series["end"], series["age_seconds"]) == (
        "2026-05-01T00:00:00Z",
        "2026-05-20T10:00:00Z",
        1200,
    )


def test_a_failed_command_prints_its_object_too(filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not an open-interest table" in read("status", "--table", table, status=14)["error"]
    assert read(BACKFILL, "--table", table, "--max-requests", "0", status=2)["rows"] == 0
    long = ["backfill", BTC, "-i", "1h", "--start", "2026-04-01", "--end", SPAN[1], "--table", str(table)]
    spent = read([*long, "--max-requests", "5"], status=13)
    assert (spent["rows"], spent["windows"]) == (30 * 24, {"planned": 2, "done": 1})
    assert read("update", "--table", table, "--max-requests", "1", status=13)["added"] == 0
    filled.is_down = True
    monkeypatch.setattr("allium_market_data.client.transport.sleep", no_sleep)
    read("verify", "--table", table, "--windows", "1", status=12)
    filled.is_down = False
    monkeypatch.setenv("ALLIUM_API_KEY", "wrong")
    read("update", "--table", table, status=11)


async def no_sleep(_: float) -> None:
    """Retry at once."""


def test_requests_count_if_the_table_cannot_be_written(
    filled: Exchange, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(BACKFILL, "--table", table)
    before = filled.request_count

    def refuse(*_: Any, **__: Any) -> int:
        raise errors.StoreError("no space")

    monkeypatch.setattr(Table, "write", refuse)
    for command in (["backfill", ETH, *BACKFILL[2:], "--table"], ["update", "--table"]):
        failed = read(command, table, status=14)
        assert failed["requests"] == filled.request_count - before > 0
        assert failed["rows"] == failed["windows"]["done"] == 0
        before = filled.request_count


def test_a_market_that_fails_is_listed_and_the_others_are_done(filled: Exchange, table: Path) -> None:
    words = [
        "backfill",
        "no:such:market",
        ETH,
        BTC,
        "-i",
        "1h",
        "--start",
        SPAN[0],
        "--end",
        SPAN[1],
        "--table",
        str(table),
    ]
    done = read(words, status=10)
    assert done["error"] == "1 series failed, everything of the others is done: no:such:market 1h"
    (failure,) = done["failures"]
    assert (failure["market"], failure["interval"], failure["error"]) == ("no:such:market", "1h", "NotFoundError")
    assert "404" in failure["message"]
    assert done["rows"] == 2 * 96
    for market in (BTC, ETH):
        filled.put(market, "2026-05-20T10:00", "0." + "1" * 19)
    filled.wait(hours=2)
    updated = run("update", "--table", table, "--look-back", "0")
    assert (updated.exit_code, updated.stderr.count(" ERROR hl:perp:")) == (10, 2)
    assert "2 series failed" in updated.stderr.splitlines()[-1]
    excluded = read("update", "--table", table, "--exclude", BTC, status=10)
    assert [failure["market"] for failure in excluded["failures"]] == [ETH]


def test_settle_closes_the_open_tail(exchange: Exchange, table: Path) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-20T08:00")
    run(*BACKFILL, "--table", table)
    ends = []
    for words in ([], ["--settle", "0"]):
        assert run("update", "--table", table, *words).exit_code == 0
        ends.append(read("status", "--table", table)["series"][0]["end"])
    assert ends == ["2026-05-20T07:00:00Z", "2026-05-20T10:00:00Z"]
    assert run("update", "--table", table, "--settle", "-1").exit_code == 2


def test_a_retired_market_is_not_too_old(filled: Exchange, table: Path) -> None:
    run(*BACKFILL, "--table", table)
    read("status", "--table", table, "--max-age", "1h", status=15)
    assert run("retire", BTC, "--table", table).exit_code == 0
    assert read("status", "--table", table, "--max-age", "1h")["series"][0]["retired"] is True
    assert "(retired)" in run("status", "--table", table).stdout
    assert read("update", "--table", table)["rows"] == 0
    assert run("retire", BTC, "--table", table, "--undo").exit_code == 0
    assert read("update", "--table", table)["rows"] > 0


def test_commands_warn_of_commits_of_another_tool(filled: Exchange, table: Path) -> None:
    read(BACKFILL, "--table", table)
    DeltaTable(table).delete(f"market_id = '{BTC}'")
    plot = ["plot", BTC, "-i", "1h", "--start", SPAN[0], "--end", SPAN[1], "--output", str(table.parent / "oi.png")]
    for words in (["status"], plot, ["update"]):
        [warned] = [line for line in run(*words, "--table", table).stderr.splitlines() if " WARNING " in line]
        assert re.match(r"\d{4}-\S+Z WARNING ", warned)
        assert "written by another tool" in warned


def test_forgotten_windows_are_fetched_again(filled: Exchange, table: Path) -> None:
    run(*BACKFILL, "--table", table)
    words: list[str | Path] = ["forget", BTC, "--table", table, "--start", "2026-05-02", "--end", "2026-05-03"]
    message = f"{BTC} 1h is no longer complete from 2026-05-02T00:00:00Z to 2026-05-03T00:00:00Z"
    assert message in run(*words).stderr
    assert "nothing of" in run(*words).stderr
    assert read("status", "--table", table, "--fail-on-gaps", status=15)["series"][0]["rows"] == 96
    assert read(BACKFILL, "--table", table)["windows"] == {"planned": 1, "done": 1}


def test_gaps_are_rechecked(filled: Exchange, table: Path) -> None:
    filled.remove(BTC, "2026-05-03T04:00")
    run(*BACKFILL, "--table", table)
    filled.put(BTC, "2026-05-03T04:00", "3")
    assert read(BACKFILL, "--table", table)["rows"] == 0
    assert read([*BACKFILL, "--recheck-gaps"], "--table", table)["rows"] == 1
    assert read("status", "--table", table)["series"][0]["missing"] == 0


def test_check_files_names_a_missing_file(filled: Exchange, table: Path) -> None:
    run(*BACKFILL, "--table", table)
    assert read("status", "--table", table, "--check-files")["files"] == []
    (file,) = table.rglob("*.parquet")
    file.unlink()
    (problem,) = read("status", "--table", table, "--check-files", status=15)["files"]
    assert (problem["market"], problem["month"], problem["path"].endswith(file.name)) == (BTC, "2026-05", True)
    forget(table, BTC, "2026-05-02", "2026-05-03")
    assert read("status", "--table", table, "--check-files", status=14)["files"] == [problem], "its rows are read"


def test_keys_in_a_uri_are_not_printed_in_the_object(filled: Exchange) -> None:
    content = read("status", "--table", "s3://AKIA:SECRET@bucket/oi", status=2)
    assert content["table"] == "s3://***@bucket/oi"
    assert "SECRET" not in json.dumps(content)


def test_differences_fail_verify(filled: Exchange, table: Path) -> None:
    run(*BACKFILL, "--table", table)
    filled.put(BTC, "2026-05-02T05:00", "1")
    assert f"{BTC} 1h 2026-05-02T05:00:00Z: oi_base is" in read("verify", "--table", table, status=15)["differences"][0]


@pytest.mark.parametrize(("age", "status"), [("369h", 15), ("371h", 0), ("16d", 0), ("15d", 15)])
def test_max_age_fails_for_an_old_series(filled: Exchange, table: Path, age: str, status: int) -> None:
    """The table ends on 5 May at midnight, and it is 20 May, 10:20: 370 hours and 20 minutes later."""
    run(*BACKFILL, "--table", table)
    error = read("status", "--table", table, "--max-age", age, status=status)["error"]
    assert status == 0 or f"{BTC} 1h is too old (complete until 2026-05-05T00:00:00Z)" in error


def test_fail_on_gaps_names_series_with_gaps(filled: Exchange, table: Path) -> None:
    run(*BACKFILL, "--table", table)
    read("status", "--table", table, "--fail-on-gaps")
    run("backfill", BTC, "-i", "1h", "--start", "2026-05-08", "--end", "2026-05-09", "--table", table)
    content = read("status", "--table", table, "--fail-on-gaps", status=15)
    assert f"{BTC} 1h has 1 gap, the first at 2026-05-05T00:00:00Z" in content["error"]
    assert content["series"][0]["gaps"] == [["2026-05-05T00:00:00Z", "2026-05-08T00:00:00Z"]]
    read("status", "--table", table)


def test_many_old_series_are_counted() -> None:
    class Empty:
        complete, gaps, key = (), (), ("1h", BTC)

    with pytest.raises(CheckError, match=r"nothing is complete\); and 3 more$"):
        table_checks.check("oi", [Empty()] * 8, 0, False)  # type: ignore[list-item]


@given(st.integers(0, 10**6), st.sampled_from("smhd"))
def test_an_age_is_a_number_and_a_unit(number: int, unit: str) -> None:
    assert parse_age(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


@given(st.text().filter(lambda text: re.fullmatch(r"\d{1,9}(\.\d{1,9})?[smhd]", text) is None))
def test_any_other_age_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--max-age must be"):
        parse_age(text)


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: "=" not in name), st.text()))
def test_storage_options_are_read_as_they_were_written(options: dict[str, str]) -> None:
    assert (storage_options([f"{name}={value}" for name, value in options.items()]) or {}) == options


def error_kinds(kind: type[errors.AlliumError]) -> set[type[errors.AlliumError]]:
    return {kind, *(below for child in kind.__subclasses__() for below in error_kinds(child))}


def test_every_error_of_the_server_and_the_table_has_its_status() -> None:
    expected = {
        errors.UsageError: 2,
        errors.AuthenticationError: 11,
        errors.PermissionDeniedError: 11,
        errors.ServerError: 12,
        errors.RateLimitedError: 12,
        errors.TransportError: 12,
        errors.BudgetError: 13,
        errors.StoreError: 14,
        errors.ContractError: 1,
        errors.PrecisionError: 1,
    }
    for kind, status in expected.items():
        for below in error_kinds(kind) - (error_kinds(errors.BudgetError) if kind is errors.StoreError else set()):
            assert table_status(below("message")) == status, below


def test_progress_is_logged_once_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    log = ProgressLog(lambda: now[0])
    for second in range(0, 181, 10):
        now[0] = float(second)
        log(Progress(tasks=4, planned=400, done=1, done_planned=100, rows=second, requests=120, seconds=60.0))
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\S+Z ", "", line).split(", ")[:3] for line in lines] == [
        ["INFO 1 of 4 windows", f"{second} rows", "120 requests"] for second in (60, 120, 180)
    ]


def test_the_readme_documents_every_field_and_status() -> None:
    text = README.read_text()
    for name in (*set().union(*FIELDS.values()), *SERIES):
        assert f"`{name}`" in text, name
    for status in ExitStatus:
        assert re.search(rf"^\| {status.value} \| `{status}` \|", text, re.MULTILINE), status

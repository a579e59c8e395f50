"""``allium-md drift``: exit statuses, one message for each failure, and reports that always belong to the last run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from allium_market_data.cli import main as cli
from allium_market_data.cli.drift import Options
from allium_market_data.cli.drift import run as run_check
from allium_market_data.drift import check, spec_files
from allium_market_data.drift.history import read_history
from allium_market_data.errors import AlliumError, SpecError
from drift.page import PAGE
from support.serving import SECRET, http, served

FILES = {"drift.json", "drift.md", "drift.html"}
WIDER = PAGE.replace("              - 4h\n", "              - 4h\n              - 12h\n")
NARROWER = PAGE.replace("maximum: 5000", "maximum: 4000")
LONGER = PAGE.replace("**7 days**", "**31 days**")


def run(*words: str, **env: str) -> Result:
    return CliRunner().invoke(cli.app, ["drift", *words], env=env)


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """Write a page, and give its name."""

    def write(text: str | bytes) -> str:
        path = tmp_path / "get-open-interest.md"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def verdict(folder: Path) -> Any:
    return json.loads((folder / "drift.json").read_text())["verdict"]


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        (PAGE, 0, "none"),
        (PAGE.replace("\n", "\r\n"), 0, "none"),
        (PAGE.replace("summary: Get", "summary: Read", 1), 0, "docs"),
        (WIDER, 3, "compatible"),
        (NARROWER, 4, "breaking"),
        (LONGER, 4, "breaking"),
    ],
    ids=["same", "line ends", "words", "wider", "narrower", "longer"],
)
def test_each_verdict_has_an_exit_status(text: str, status: int, word: str, page: Any, tmp_path: Path) -> None:
    result = run("--upstream", page(text), "--report-dir", str(tmp_path / "reports"))
    assert (result.exit_code, result.stderr) == (status, "")
    assert result.stdout.startswith(f"{word}: ")
    assert {path.name for path in (tmp_path / "reports").iterdir()} == FILES
    assert verdict(tmp_path / "reports") == word


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"<!doctype html><html><body>404</body></html>", "an HTML page"),
        (b"# Nothing here\n", "no OpenAPI block"),
        (b"\xff\xfe", "not UTF-8"),
        (b"openapi: 3.1.0\n", "no mapping `paths`"),
        (b"openapi: 3.1.0\npaths: {}\n", "describes no operation"),
        (b'{"swagger": "2.0"}', "not supported"),
        (PAGE.encode()[:2000], "never closed"),
    ],
)
def test_an_invalid_document_fails_the_check(data: bytes, message: str, page: Any, tmp_path: Path) -> None:
    folder, history = tmp_path / "reports", tmp_path / "history.jsonl"
    name = page(data)
    result = run("--upstream", name, "--report-dir", str(folder), "--history", str(history))
    assert_failed(result, message)
    report = json.loads((folder / "drift.json").read_text())
    assert (report["verdict"], report["changes"]) == ("unchecked", [])
    assert message in report["reason"]
    assert json.loads(history.read_text())["verdict"] == "unchecked"


def assert_failed(result: Result, message: str) -> None:
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("allium-md: the check failed: ")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("404 Not Finding", PAGE, "answered with status 404"),
        ("500 Oops", PAGE, "answered with status 500"),
        ("301 Moved\r\nlocation: https://elsewhere.example/", PAGE, "moved to https://elsewhere.example/"),
        ("200 OK", "<html><body>Sign in</body></html>", "an HTML page"),
        ("200 OK", "", "empty"),
    ],
)
def test_an_address_without_a_page_fails_the_check(status: str, body: str, message: str) -> None:
    with served(lambda connection, _: connection.sendall(http(body.encode(), status))) as url:
        assert_failed(run("--upstream", f"{url}/get-open-interest.md"), message)


def test_a_page_is_read_from_its_address() -> None:
    with served(lambda connection, _: connection.sendall(http(PAGE.encode()))) as url:
        assert run("--upstream", f"{url}/get-open-interest.md").exit_code == 0


def test_an_unreachable_address_fails_the_check() -> None:
    assert_failed(run("--upstream", "http://127.0.0.1:1/page.md"), "cannot be fetched")


def test_a_missing_file_fails_the_check(tmp_path: Path) -> None:
    assert_failed(run("--upstream", str(tmp_path / "none.md")), "No such file")
    assert_failed(run("--upstream", str(tmp_path), "--baseline", str(tmp_path / "none.md")), "none.md")


def test_a_failed_check_replaces_earlier_reports(page: Any, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    assert run("--upstream", page(PAGE), "--report-dir", str(folder)).exit_code == 0
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert run("--upstream", page(""), "--report-dir", str(folder)).exit_code == 1
    for name, text in before.items():
        assert (folder / name).read_text() != text
        assert "empty" in (folder / name).read_text()


def test_default_addresses_come_from_the_lock_file(tmp_path: Path) -> None:
    sources = []

    def read(source: str) -> bytes:
        sources.append(source)
        return PAGE.encode()

    assert run_check(Options(report_dir=tmp_path), read=read) == 0
    assert sources == list(check.published_addresses())
    assert all(source.startswith("https://docs.allium.so/") for source in sources)


def test_the_default_run_fails_without_a_network(tmp_path: Path) -> None:
    def read(source: str) -> bytes:
        raise SpecError(source, "cannot be fetched: no route")

    with pytest.raises(AlliumError, match=r"the check failed: https://.*no route"):
        run_check(Options(report_dir=tmp_path), read=read)
    assert verdict(tmp_path) == "unchecked"


def test_baseline_option(page: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text(WIDER)
    result = run("--upstream", page(PAGE), "--baseline", str(other))
    assert result.exit_code == 4
    assert "generated names: not compared: the baseline is not the document" in result.stdout


def test_the_baseline_may_be_a_document_without_a_page(page: Any) -> None:
    assert run("--upstream", page(PAGE), "--baseline", str(spec_files.folder() / "openapi.yaml")).exit_code == 0


def test_several_pages_are_one_document(page: Any) -> None:
    sibling = str(Path(__file__).parents[1] / "drift/pages/get-ohlcv-candles.md")
    result = run("--upstream", page(PAGE), "--upstream", sibling)
    assert result.exit_code == 3
    assert "/ohlcv is new" in result.stdout


def test_changed_names_are_printed(page: Any) -> None:
    assert "1 new (models.interval.Interval.VALUE_6)" in run("--upstream", page(WIDER)).stdout


def test_accepted_changes_do_not_count(page: Any, tmp_path: Path) -> None:
    name, folder, accepted = page(NARROWER), tmp_path / "reports", tmp_path / "accepted.toml"
    assert run("--upstream", name, "--report-dir", str(folder)).exit_code == 4
    fingerprint = json.loads((folder / "drift.json").read_text())["changes"][0]["fingerprint"]
    entry = (
        '[[accepted]]\nfingerprint = "{}"\nreason = "No caller sends that many."\ndate = 2026-01-01\nuntil = {}-01-01\n'
    )
    accepted.write_text(entry.format(fingerprint, 2999))
    assert run("--upstream", name, "--accepted", str(accepted)).exit_code == 0
    accepted.write_text(entry.format(fingerprint, 2026))
    past = run("--upstream", name, "--accepted", str(accepted))
    assert past.exit_code == 4
    assert "it has expired" in past.stdout
    accepted.write_text("[[accepted]]\n")
    assert_failed(run("--upstream", name, "--accepted", str(accepted)), "entry 1: needs")
    assert_failed(run("--upstream", name, "--accepted", str(tmp_path / "none.toml")), "none.toml: cannot be read")


def test_the_history_gives_first_and_last_seen(page: Any, tmp_path: Path) -> None:
    name, folder, history = page(NARROWER), tmp_path / "reports", tmp_path / "history.jsonl"
    words = ["--upstream", name, "--report-dir", str(folder), "--history", str(history)]
    run(*words)
    (change,) = json.loads((folder / "drift.json").read_text())["changes"]
    first = {"checked_at": "2020-01-01T00:00:00Z", "verdict": "breaking", "fingerprints": [change["fingerprint"]]}
    history.write_text(json.dumps(first) + "\n" + history.read_text())
    run(*words)
    (change,) = json.loads((folder / "drift.json").read_text())["changes"]
    assert change["first_seen"] == "2020-01-01T00:00:00Z"
    assert change["last_seen"] > "2026"
    assert [entry.verdict for entry in read_history(history)] == ["breaking"] * 3


def test_a_broken_history_is_an_error_and_is_not_changed(page: Any, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text("{\n")
    assert_failed(run("--upstream", page(PAGE), "--history", str(history)), "history.jsonl, line 1: not JSON")
    assert history.read_text() == "{\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--upstream", ""],
        ["--baseline", " "],
        ["--no-such-option"],
        ["page.md"],
        ["--report-dir"],
        ["--api-key", "k", "--around", "yesterday"],
        ["--api-key", "k", "--base-url", "nowhere"],
        ["--api-key", "k", "--market", " "],
    ],
)
def test_usage_errors_exit_with_2(words: list[str], page: Any) -> None:
    result = run("--upstream", page(PAGE), *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_a_report_folder_that_is_a_file(page: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("mine")
    result = run("--upstream", page(PAGE), "--report-dir", str(tmp_path / "reports"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"allium-md: cannot write {tmp_path / 'reports'}: ")
    assert (tmp_path / "reports").read_text() == "mine"


def test_no_report_is_replaced_if_one_cannot_be(page: Any, tmp_path: Path) -> None:
    (tmp_path / "reports/drift.html").mkdir(parents=True)
    result = run("--upstream", page(PAGE), "--report-dir", str(tmp_path / "reports"))
    assert result.exit_code == 1
    assert "drift.html: it is a folder" in result.stderr
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["drift.html"]


def test_the_key_is_never_shown(page: Any, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    echo = json.dumps({"detail": f"no such key: {SECRET}"}).encode()
    with served(lambda connection, _: connection.sendall(http(echo, "401 No"))) as url:
        result = run("--upstream", page(PAGE), "--base-url", url, "--report-dir", str(folder), ALLIUM_API_KEY=SECRET)
    assert result.exit_code == 1
    assert verdict(folder) == "unchecked"
    assert "the server answered 401" in result.stdout
    for text in (result.output, *((folder / name).read_text() for name in FILES)):
        assert SECRET not in text
        assert "nobody" not in text


def test_no_live_sends_no_request_to_the_server(page: Any) -> None:
    result = run("--upstream", page(PAGE), "--no-live", "--base-url", "http://127.0.0.1:1", ALLIUM_API_KEY="k")
    assert result.exit_code == 0
    assert "--no-live was given" in result.stdout


def test_text_of_a_page_does_not_control_the_terminal(page: Any) -> None:
    evil = "\\e]0;owned\\a\\e[2J[bold red]x[/]"
    result = run("--upstream", page(PAGE.replace("summary: Get", f'summary: "{evil}" #', 1)))
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert "[bold red]x[/]" in run("--upstream", page(LONGER.replace("**31 days**", "[bold red]x[/] 31 days"))).stdout


def test_a_missing_extra_is_named(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("allium_market_data.cli.drift", raising=False)
    monkeypatch.setitem(sys.modules, "allium_market_data.cli.drift", None)
    result = run("--upstream", page(PAGE))
    assert result.exit_code == 1
    assert "pip install 'allium-market-data[drift]'" in result.stderr

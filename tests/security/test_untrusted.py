"""Server responses cost bounded time and memory, cannot control a terminal, and cannot name a file."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from allium_market_data import MarketData, RetryPolicy
from allium_market_data.cli import main as cli
from allium_market_data.errors import FetchError, UsageError
from allium_market_data.store import backfill
from support.serving import MARKET, Answer, http, served

from .leaks import everything_logged
from .servers import rows

TESTS = Path(__file__).parents[1]
SPAN = ["--interval", "1h", "--start", "2026-05-01", "--end", "2026-05-02"]


# --- Terminals ---

EVIL = "\x1b[2J\x1b]0;owned\x07\u202egnp\u2066\x9b31m\x85\u2028\r\nallium-md: all is well\x00\ufeff\x7f"


def _quoted(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode()


def _raw(text: str) -> bytes:
    return text.encode("utf-8")


def changed(old: bytes, new: bytes) -> Answer:
    """Correct rows with ``old`` replaced by ``new``."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http(rows(head).replace(old, new) if old else rows(head)))

    return answer


def refusal(body: bytes, status: str = "403 No", *headers: str) -> Answer:
    return lambda connection, _: connection.sendall(http(body, status, headers))


EVIL_SERVERS: dict[str, Answer] = {
    "detail": refusal(json.dumps({"detail": EVIL}).encode()),
    "place": refusal(json.dumps({"detail": [{"loc": [EVIL], "msg": EVIL}]}).encode(), "422 No"),
    "text": refusal(_raw(EVIL), "400 No"),
    "page": refusal(_raw(f"<p>{EVIL}</p>"), "404 No"),
    "latin": refusal(EVIL.encode("latin-1", "ignore")),
    "reason": refusal(b"", "401 \x1b[2J\x9bno"),
    "header": refusal(b"", "418 No", "x: \x9b2J", "retry-after: 7\x9b31m"),
    "no http": lambda connection, _: connection.sendall(_raw(EVIL)),
    "bad header": lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n" + _raw(EVIL) + b": 1\r\n\r\n"),
    "packing": refusal(b"", "200 OK", "content-encoding: \x9b31m\u00ad"),
    "market": changed(MARKET.encode(), _quoted(EVIL)),
    "time": changed(b"T00:00", _quoted(EVIL)),
    "decimal": changed(b'"0.50"', b'"' + _quoted(EVIL) + b'"'),
    "name": changed(b'"items"', b'"' + _quoted(EVIL) + b'"'),
    "names": changed(b'"oi_base"', b'"' + _quoted(EVIL) + b'":0,"oi_base"'),
    "no json": changed(b'{"items"', _raw(EVIL)),
}


def clean(text: str) -> bool:
    """Whether the text has no control characters and no line forged by the server."""
    return all(line.isprintable() for line in text.split("\n")) and "\nallium-md: all is well" not in text


def run(*words: str, url: str) -> Result:
    return CliRunner().invoke(cli.app, [*words, "--base-url", url], env={"ALLIUM_API_KEY": "key"})


@pytest.mark.parametrize("name", EVIL_SERVERS)
def test_server_text_cannot_control_a_terminal(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        return

    monkeypatch.setattr("allium_market_data.client.transport.sleep", sleep)
    table = str(tmp_path / "table")
    with served(EVIL_SERVERS[name]) as url:
        results = [
            run("open-interest", MARKET, *SPAN, "--format", "table", url=url),
            run("plot", MARKET, *SPAN, "--output", str(tmp_path / "plot.png"), url=url),
            run("backfill", MARKET, *SPAN, "--table", table, url=url),
        ]
    for result, lines in zip(results, (2, 2, 4), strict=True):
        assert clean(result.output), repr(result.output)
        assert result.exit_code in ((0,) if name == "names" else (1, 10, 11, 12)), result.output
        assert name == "names" or len(result.stderr.splitlines()) == result.stderr.count("\n") <= lines


def failure_of(url: str, policy: RetryPolicy) -> FetchError:
    with MarketData("key", url, retry=policy) as client, pytest.raises(FetchError) as caught:
        client.open_interest(MARKET, interval="1h", start="2026-05-01", end="2026-05-02")
    return caught.value


@pytest.mark.parametrize("name", ["detail", "text", "market", "time", "no http"])
def test_server_text_cannot_forge_a_log_line(name: str) -> None:
    quick = RetryPolicy(attempts=3, first_pause=0, longest_pause=0, jitter=0)
    with everything_logged() as log, served(EVIL_SERVERS[name]) as url:
        caught = failure_of(url, quick)
    assert str(caught).isprintable()
    assert clean("\n".join(log.texts))


def test_table_content_cannot_control_a_terminal(tmp_path: Path) -> None:
    """A table can come from anywhere, and its partitions are named after markets."""
    import deltalake
    import pyarrow as pa

    table = str(tmp_path / "table")
    with served(changed(b"", b"")) as url:
        assert run("backfill", MARKET, *SPAN, "--table", table, url=url).exit_code == 0
    delta = deltalake.DeltaTable(table)
    whole = delta.to_pyarrow_dataset().to_table()
    names = pa.array([f"{EVIL}[bold]x[/bold]"] * len(whole), whole.schema.field("market_id").type)
    place = whole.schema.get_field_index("market_id")
    deltalake.write_deltalake(delta, whole.set_column(place, whole.schema.field(place), names), mode="append")
    result = CliRunner().invoke(cli.app, ["status", "--table", table, "--plot", str(tmp_path / "status.png")])
    assert result.exit_code == 0, result.output
    assert clean(result.output), repr(result.output)
    assert "[bold]x[/bold]" in "".join(result.stdout.split())


# --- Files ---


@pytest.mark.parametrize(
    "market", ["../x", "../../x", "a/b", "a%2Fb", "/etc/x", "a\\b", "..%2f..%2fx", "-o", "a=b", "~x", "C:x"]
)
def test_market_cannot_name_a_path_outside_the_table(market: str, tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "down" / "table"
    inside.parent.mkdir(parents=True)
    with served(changed(b"", b"")) as url, MarketData("key", url) as client:
        done = backfill([market], "1h", "2026-05-01", "2026-05-02", inside, client=client)
    assert done.rows == 23  # this server sends no Date, and no later row confirms the last one
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(path.resolve().is_relative_to(inside) for path in files)
    assert all(len(path.relative_to(inside).parts) <= 4 for path in files)


@pytest.mark.parametrize("market", ["..", ".", "a\x00b", "a\nb", "a\x1bb", "a b", "", "\u202ea"])
def test_market_that_cannot_be_a_path_segment_is_refused(market: str, tmp_path: Path) -> None:
    with MarketData("key", "http://127.0.0.1:9") as client, pytest.raises(UsageError, match="invalid market"):
        backfill([market], "1h", "2026-05-01", "2026-05-02", tmp_path / "table", client=client)


HEADERS = [
    'content-disposition: attachment; filename="../../owned"',
    "content-location: /../../owned",
    "x-sandbox-data: ../owned",
    "content-type: ../owned",
    "etag: ../owned",
]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_response_headers_cannot_name_a_file(suffix: str, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    answer: Callable[[Any, bytes], None] = lambda connection, head: connection.sendall(  # noqa: E731
        http(rows(head), headers=HEADERS)
    )
    with served(answer) as url:
        result = run("open-interest", MARKET, *SPAN, "--output", str(deep / f"rows.{suffix}"), url=url)
    assert result.exit_code == 0
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [f"a/b/rows.{suffix}"]
    assert {type(each) for each in logging.getLogger("allium_market_data").handlers} == {logging.NullHandler}

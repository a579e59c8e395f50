"""A table in an S3 store: every command, several writers, killed processes, and stores that must be refused."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.store import Table, backfill, compact, status, update, verify
from support.commands import BACKFILL, SPAN, assert_failed, run
from support.exchange import BTC, ETH, Exchange
from support.object_store import ACCESS_KEY, SECRET_KEY, ObjectStore
from support.tables import final_values, run_together

pytestmark = pytest.mark.xdist_group("s3")  # one server is enough

COMMIT = re.compile(r"/oi/_delta_log/\d{20}\.json")


@pytest.fixture
def filled(exchange: Exchange) -> Exchange:
    for market in (BTC, ETH):
        exchange.fill(market, "2026-04-01", "2026-05-25")
    return exchange


def test_every_operation_works_in_an_object_store(filled: Exchange, client: MarketData, s3: ObjectStore) -> None:
    table = s3.table()
    for end in ("2026-05-02", "2026-05-03", "2026-05-05"):
        backfill([BTC, ETH], "1h", SPAN[0], end, table, client=client)
    filled.put(BTC, "2026-05-04T05:00", "7")
    update(table, client=client)
    compact(table)
    now = "2026-05-20T10:00"
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(SPAN[0], now, market)
    assert [series.gaps for series in status(table)] == [(), ()]
    assert verify(table, windows=5, client=client).differences == ()
    assert len(Table(table).restatements().to_pyarrow_table()) == 1
    assert not any("_probe" in key for key in s3.keys(table)), "the proof leaves nothing behind"


def test_the_commands_take_storage_options(filled: Exchange, object_store: ObjectStore) -> None:
    table = object_store.table()
    words = ["--table", table]
    for option in object_store.options.items():
        words += ["--storage-option", "=".join(option)]
    shown = [
        run(*command, *words)
        for command in (BACKFILL, ["update"], ["status"], ["verify", "--windows", "3"], ["compact"])
    ]
    assert [result.exit_code for result in shown] == [0] * 5, shown[0].output
    assert not any(key in result.output for result in shown for key in (ACCESS_KEY, SECRET_KEY))
    assert BTC in shown[2].stdout
    result = run("status", "--table", table, "--storage-option", SECRET_KEY)
    assert_failed(result, "--storage-option must be KEY=VALUE", status=2)
    assert SECRET_KEY not in result.output


def test_two_writers_lose_no_row(filled: Exchange, client: MarketData, s3: ObjectStore) -> None:
    table = s3.table()

    def write(market: str) -> None:
        backfill(market, "1h", *SPAN, table, client=client, commit_rows=1, commit_seconds=0)
        update(table, markets=[market], client=client, commit_rows=1)

    run_together(lambda: write(BTC), lambda: write(ETH))
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values(SPAN[0], "2026-05-20T10:00", market)


def test_a_commit_that_the_store_wrote_with_an_error_is_counted(
    filled: Exchange, client: MarketData, s3: ObjectStore
) -> None:
    table = s3.table("hasty")
    done = backfill([BTC, ETH], "1h", *SPAN, table, client=client)
    assert done.rows == sum(len(final_values(table, market)) for market in (BTC, ETH)) > 0
    filled.put(BTC, "2026-05-19T05:00", "7")
    assert update(table, client=client).added == 2 * len(filled.labels(SPAN[1], "2026-05-20T10:00"))


def test_a_store_that_ignores_if_none_match_is_refused(filled: Exchange, client: MarketData, s3: ObjectStore) -> None:
    table = s3.table("forgetful")
    result = run(*BACKFILL, "--table", table)
    assert_failed(result, f"cannot write to {table}", "If-None-Match", "nothing was written")
    assert (filled.request_count, s3.keys(table)) == (0, [])
    with pytest.raises(StoreError, match="let two writers create the same object"):
        Table(table, create=True)


@pytest.mark.parametrize(
    ("kind", "options", "cause"),
    [
        (
            "locked",
            {},
            "403 Forbidden: InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.",
        ),
        ("absent", {}, "404 Not Found: NoSuchBucket: The specified bucket does not exist"),
        ("good", {"AWS_ALLOW_HTTP": "false"}, "URL scheme is not allowed; an endpoint without TLS needs the option"),
        ("good", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "max_retries": "0"}, "Connection refused (os error 111)"),
        ("good", {"AWS_CONDITIONAL_PUT": "disabled"}, "when conditional put is disabled"),
    ],
)
def test_a_message_of_the_store_is_whole(
    filled: Exchange, object_store: ObjectStore, kind: str, options: dict[str, str], cause: str
) -> None:
    table = "s3://absent-bucket/oi" if kind == "absent" else object_store.table(kind)
    words = ["--table", table]
    for option in {**object_store.options, **options}.items():
        words += ["--storage-option", "=".join(option)]
    result = run(*BACKFILL, *words)
    assert_failed(result, table, cause)
    assert not any(key in result.output for key in (ACCESS_KEY, SECRET_KEY, "\x1b"))
    assert filled.request_count == 0


CHILD = f"""
from allium_market_data.store import backfill, runner

runner.MAX_RUNNING_TASKS = 1  # one commit for each window
backfill({[BTC, ETH]!r}, "1h", "2026-04-01", "2026-05-05", TABLE, commit_rows=1, commit_seconds=0)
"""


def kill_at(s3: ObjectStore, table: str, write: int, *, apply: bool) -> str | None:
    """Kill a backfill at its n-th write, which the store then applies or not. The path; ``None`` if it ended before."""
    s3.hold(table, write)
    child = subprocess.Popen([sys.executable, "-c", f"TABLE = {table!r}\n{CHILD}"])

    def wait() -> None:
        child.wait()
        s3.lines.put("ended")

    Thread(target=wait).start()
    path = s3.lines.get()
    if path == "ended":
        assert child.returncode == 0
        return None
    child.kill()
    assert s3.lines.get() == "ended"
    s3.release(apply=apply)
    return path


def instants(seed: int) -> Iterator[tuple[int, bool]]:
    """Random numbers of writes, and whether the store applies them."""
    chance = random.Random(seed)
    while True:
        yield chance.randint(1, 4), chance.random() < 0.5


def test_a_backfill_that_is_killed_at_any_write_is_resumed(
    filled: Exchange, client: MarketData, s3: ObjectStore
) -> None:
    filled.now = datetime.now(UTC)  # the children have a real clock
    table, hit = s3.table("held"), list[tuple[str, bool]]()
    for write, apply in instants(seed=74):
        path = kill_at(s3, table, write, apply=apply)
        if path is None:
            break
        hit.append((path, apply))
    commits = [apply for path, apply in hit if COMMIT.search(path)]
    assert {True, False} <= set(commits), hit
    for market in (BTC, ETH):
        assert final_values(table, market) == filled.values("2026-04-01", SPAN[1], market)
    assert [series.gaps for series in status(table)] == [(), ()]
    assert verify(table, windows=5, client=client).differences == ()

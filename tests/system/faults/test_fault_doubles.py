"""The server with faults: each fault does what it says to the right requests, and other responses are correct."""

from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from allium_market_data.cli.main import app
from allium_market_data.errors import SandboxError
from allium_market_data.model.times import micros
from allium_market_data.sandbox import Samples
from allium_market_data.sandbox.endpoint import SandboxRequest
from allium_market_data.sandbox.faults import (
    FAULTS,
    Fault,
    check_sequence,
    fault_for,
    faults_named,
    running_with_faults,
)
from allium_market_data.sandbox.faults.bodies import BOMB, CAP, bomb, shifted
from allium_market_data.sandbox.faults.exchange import Exchange
from allium_market_data.sandbox.query import parse_query
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from support.sandbox_requests import label_of, parameters_for, path_of
from system.faults.fetching import KEY, MARKET, START, honest

ITEMS = OPEN_INTEREST.items_field
MOST = OPEN_INTEREST.limit_maximum
INTERVAL = OPEN_INTEREST.intervals[0]
LAST = START + timedelta(hours=4)


def target(interval: str = INTERVAL) -> str:
    query = parameters_for(interval, f"{START:%Y-%m-%dT%H:%M:%SZ}", f"{LAST:%Y-%m-%dT%H:%M:%SZ}", MOST)
    return f"{path_of(quote(MARKET, safe=''))}?{urlencode(query, safe=':')}"


TARGET = target()
Got = tuple[int, dict[str, str], bytes]


def ask(url: str, path: str = TARGET, key: str = KEY, timeout: float = 100) -> Got:
    """One plain request by the standard library."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=timeout)) as connection:
        connection.request("GET", path, headers={KEY_HEADER: key})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def spoiled(samples: Samples, name: str) -> Got:
    """What a single request gets from a server that does nothing else."""
    with running_with_faults(honest(samples), [replace(FAULTS[name], after=0, times=None)]) as server:
        got = ask(server.url)
    assert [seen.fault for seen in server.requests] == [name]
    assert server.crashes == []
    return got


@pytest.fixture
def right(served_samples: Samples) -> bytes:
    with running_with_faults(honest(served_samples), []) as server:
        status, headers, body = ask(server.url)
    assert (status, headers["content-type"], headers["x-sandbox-data"][:9]) == (200, "application/json", "synthetic")
    assert len(json.loads(body)[ITEMS]) > CAP
    return body


def test_without_a_fault_responses_are_those_of_the_sandbox(
    served_samples: Samples, sandbox: Any, right: bytes
) -> None:
    assert ask(sandbox.url, key=sandbox.key)[2] == right
    with running_with_faults(honest(served_samples), []) as server:
        assert ask(server.url, key="wrong")[0] == 403
        assert ask(server.url, target("2h"))[0] == 422
        assert ask(server.url, TARGET.replace("BTC", "NONE"))[0] == 404
        assert [seen.has_key for seen in server.requests] == [True] * 3


def test_health_check_meets_no_fault(served_samples: Samples) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["html"], after=0)]) as server:
        assert ask(server.url, "/health")[::2] == (200, b'{"status":"ok"}')
        assert server.requests == []


def test_access_log_names_the_fault_and_no_key(served_samples: Samples) -> None:
    lines: list[str] = []
    with running_with_faults(honest(served_samples), [replace(FAULTS["html"], after=1)]) as server:
        server.access_log = lines.append
        for _ in range(2):
            ask(server.url, f"/{KEY}{TARGET}")
    assert [re.sub(r"[0-9.]+ ms$", "", line).split(f"={MOST} ")[1] for line in lines] == ["answered ", "fault html "]
    assert all(line.startswith(f"GET /[key]{path_of(MARKET)}?") for line in lines)


STATUS = {
    "429-seconds": (429, "1"),
    "429-zero": (429, "0"),
    "429-nonsense": (429, "soon, or later"),
    "429-absent": (429, None),
    "429-for-hours": (429, "86400"),
    **{f"burst-{status}": (status, None) for status in (500, 502, 503, 504, 520)},
    "dead": (503, None),
    "dies": (503, None),
    "key-revoked": (401, None),
    "key-forbidden": (403, None),
}


@pytest.mark.parametrize("name", STATUS)
def test_a_status_has_its_retry_after_and_a_detail(served_samples: Samples, name: str) -> None:
    status, headers, body = spoiled(served_samples, name)
    assert (status, headers.get("retry-after")) == STATUS[name]
    assert json.loads(body)["detail"]


def test_a_retry_after_may_be_a_date(served_samples: Samples) -> None:
    status, headers, _ = spoiled(served_samples, "429-date")
    assert status == 429
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["retry-after"])


@pytest.mark.parametrize(
    ("name", "raised"),
    [
        ("connection-refused", ConnectionRefusedError),
        ("reset-before-answer", ConnectionResetError),
        ("reset-midway", ConnectionResetError),
        ("closed-before-answer", ConnectionError),
        ("short-body", IncompleteRead),
        ("no-http", HTTPException),
    ],
)
def test_a_connection_breaks_as_described(
    served_samples: Samples, name: str, raised: type[Exception], right: bytes
) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS[name], after=0)]) as server:
        with pytest.raises(raised) as caught:
            ask(server.url)
        if name == "connection-refused":
            return
        with pytest.raises(raised):
            ask(server.url)
        assert ask(server.url)[2] == right
    if isinstance(caught.value, IncompleteRead):
        assert caught.value.partial == right[: len(right) // 2]


def until(condition: Callable[[], object]) -> None:
    """Wait for the thread of the server. Fails only if it never happens."""
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(("name", "parts"), [("stalled", 0), ("stalled-midway", 1), ("drip", 3)])
def test_silence_lasts_until_the_client_closes_the_connection(served_samples: Samples, name: str, parts: int) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS[name], after=0)]) as server:
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=100) as connection:
            connection.sendall(f"GET {TARGET} HTTP/1.1\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode())
            assert all(connection.recv(2**20) for _ in range(parts))
            until(lambda: server.requests)
            assert server.requests[0].ended is None
        until(lambda: server.requests[0].ended is not None)
    assert server.crashes == []


def test_a_slow_response_is_correct(served_samples: Samples, right: bytes) -> None:
    assert spoiled(served_samples, "slow")[2] == right


def test_bodies_are_as_described(served_samples: Samples, right: bytes) -> None:
    got = {name: spoiled(served_samples, name) for name in ("html", "empty-body", "half-json", "error-object")}
    assert {status for status, _, _ in got.values()} == {200}
    assert got["html"][1]["content-type"] == "text/html"
    assert b"<h1>" in got["html"][2]
    assert got["empty-body"][2] == b""
    assert got["half-json"][2] == right[: len(right) // 2]
    assert set(json.loads(got["error-object"][2])) == {"error"}


def test_broken_gzip_begins_as_gzip(served_samples: Samples, right: bytes) -> None:
    _, headers, body = spoiled(served_samples, "broken-gzip")
    assert headers["content-encoding"] == "gzip"
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(body)
    assert right.startswith(zlib.decompressobj(wbits=31).decompress(body[: len(body) // 3]))


def test_a_gzip_bomb_is_small_and_decompresses_to_gigabytes() -> None:
    packed = bomb()
    assert len(packed) < 10 * 2**20
    part = zlib.decompressobj(wbits=31).decompress(packed[: len(packed) // 256])
    assert part.startswith(b'{"items":[')
    assert BOMB // 270 < len(part) < BOMB // 250
    assert set(part[10:]) == {ord(" ")}


def test_other_market_has_rows_of_another_market(served_samples: Samples) -> None:
    items = json.loads(spoiled(served_samples, "other-market")[2])[ITEMS]
    assert {item["market_id"] for item in items} == {"hl:perp:SOL-USDC"}


@pytest.mark.parametrize(("name", "direction"), [("stale-earlier", -1), ("stale-later", 1)])
def test_a_stale_response_is_that_of_another_window(served_samples: Samples, name: str, direction: int) -> None:
    items = json.loads(spoiled(served_samples, name)[2])[ITEMS]
    labels = [label_of(item) for item in items]
    assert labels
    assert max(labels) < micros(START) if direction < 0 else min(labels) > micros(LAST)


def test_a_shifted_window_is_as_long_and_does_not_overlap() -> None:
    call = SandboxRequest(MARKET, TARGET.partition("?")[2].encode())
    asked = parse_query(call.query_string)
    for direction in (-1, 1):
        beside = parse_query(shifted(call, direction, OPEN_INTEREST).query_string)
        assert (beside.interval, beside.limit, beside.end - beside.start) == (INTERVAL, MOST, asked.end - asked.start)
        assert beside.end + asked.width < asked.start or beside.start > asked.end + asked.width
    assert shifted(replace(call, query_string=b"nonsense"), 1, OPEN_INTEREST).query_string == b"nonsense"


@pytest.mark.parametrize(("name", "kept"), [("cap-head", slice(CAP)), ("cap-tail", slice(-CAP, None))])
def test_a_cap_keeps_one_end(served_samples: Samples, name: str, kept: slice, right: bytes) -> None:
    assert json.loads(spoiled(served_samples, name)[2])[ITEMS] == json.loads(right)[ITEMS][kept]


def test_a_redirect_names_another_origin_that_records_requests(served_samples: Samples, right: bytes) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["redirect"], after=0)]) as server:
        status, headers, _ = ask(server.url)
        place = headers["location"]
        assert (status, place) == (307, f"{server.other_origin}{TARGET}")
        assert urlsplit(place).netloc != urlsplit(server.url).netloc
        assert server.other_origin_requests == []
        assert ask(server.other_origin)[2] == right
        assert [(seen.target, seen.has_key) for seen in server.other_origin_requests] == [(TARGET, True)]


def test_requests_are_counted_and_how_many_were_open_at_once(served_samples: Samples) -> None:
    arrived: list[Exchange] = []

    async def handle(exchange: Exchange) -> None:
        arrived.append(exchange)
        while len(arrived) < 3:
            await exchange.pause(0.01)
        await exchange.send(exchange.correct_response())

    together = Fault("together", "waits until three requests are open", handle, after=0, times=None)
    with running_with_faults(honest(served_samples), [together]) as server:
        threads = [threading.Thread(target=ask, args=(server.url,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ask(server.url)
    assert len(server.requests) == 4
    assert server.max_concurrent() == 3
    assert all(request.ended and request.began < request.ended for request in server.requests)


def test_a_refusal_passes_through_a_fault_of_the_body(served_samples: Samples) -> None:
    with running_with_faults(honest(served_samples), [replace(FAULTS["html"], after=0)]) as server:
        assert ask(server.url, key="wrong")[0] == 403


BURST, DEAD = FAULTS["burst-503"], FAULTS["dead"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5), st.integers(0, 30))
def test_faults_follow_one_another_and_end(spans: list[tuple[int, int]], number: int) -> None:
    faults = [replace(BURST, name=str(place), after=a, times=t) for place, (a, t) in enumerate(spans)]
    expected: list[str | None] = []
    for fault in faults:
        expected += [None] * fault.after + [fault.name] * (fault.times or 0)
    fault_of = fault_for(check_sequence(faults), number)
    assert (fault_of.name if fault_of else None) == (expected[number] if number < len(expected) else None)
    last = fault_for([*faults, DEAD], number)
    assert last is (fault_of if number < len(expected) else DEAD)


def test_a_fault_that_could_never_start_is_refused() -> None:
    assert check_sequence([BURST, DEAD]) == (BURST, DEAD)
    with pytest.raises(SandboxError, match="'dead' is permanent, so 'burst-503' after it would never start"):
        faults_named(["dead", "burst-503"])
    with pytest.raises(SandboxError, match="cannot have another fault"):
        faults_named(["burst-503", "connection-refused"])
    with pytest.raises(SandboxError, match="there is no fault 'x'; choose from 429-seconds, "):
        faults_named(["x"])


def test_every_fault_has_a_name_and_a_description() -> None:
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert len(fault.description) > 15
        assert isinstance(fault, Fault)


@pytest.fixture
def command() -> Iterator[Any]:
    made: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[str, str]:
        code = "from allium_market_data.cli.main import main; main()"
        made.append(
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", code, "sandbox", "--port", "0", *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        assert made[0].stdout is not None
        lines = [made[0].stdout.readline() for _ in range(5)]
        return lines[0].split()[-1], "".join(lines[1:])

    yield start
    for process in made:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=100)[1] == ""
        assert process.returncode == 0


def test_the_command_serves_faults_and_prints_them(command: Any) -> None:
    url, banner = command("--fault", "burst-502", "--fault", "key-revoked")
    assert "simulated faults: burst-502, key-revoked" in banner
    statuses = [ask(url, key="sandbox-key")[0] for _ in range(8)]
    assert statuses == [200, 200, 502, 502, 200, 200, 401, 401]


@pytest.mark.parametrize(
    ("words", "saying"),
    [(["x"], "there is no fault 'x'"), (["dead", "slow"], "the fault 'dead' is permanent")],
)
def test_a_wrong_fault_is_one_line_of_error(words: list[str], saying: str) -> None:
    options = [part for word in words for part in ("--fault", word)]
    result = CliRunner().invoke(app, ["sandbox", "--port", "0", *options])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert saying in result.stderr

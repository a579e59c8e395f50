"""The sandbox over HTTP: paths, keys, refusals, the log of requests, starting and stopping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from allium_market_data import sandbox
from allium_market_data.cli import sandbox as command
from allium_market_data.errors import SandboxError
from allium_market_data.sandbox import (
    DEFAULT_API_KEY,
    Samples,
    SandboxEndpoint,
    create_app,
    reading_named,
    running,
    server,
)
from allium_market_data.sandbox.app import LoggedRequest
from allium_market_data.sandbox.query import Query

PATH = "/api/v1/markets/{}/perps/open_interest"
SOL = "hl:perp:SOL-USDC"
DAY = {"interval": "1h", "start_timestamp": "2026-05-01T00:00:00Z", "end_timestamp": "2026-05-02T00:00:00Z"}


@pytest.fixture(scope="module")
def samples() -> Iterator[Samples]:
    with Samples.open() as opened:
        yield opened


@pytest.fixture(scope="module")
def app(samples: Samples) -> Any:
    return create_app(samples)


@pytest.fixture(scope="module")
def client(app: Any) -> Iterator[httpx.Client]:
    with running(app) as base_url, httpx.Client(base_url=base_url, headers={"X-API-KEY": DEFAULT_API_KEY}) as opened:
        yield opened


def test_the_example_of_the_specification_is_answered(client: httpx.Client) -> None:
    answer = client.get(PATH.format("hl:perp:BTC-USDC"), params=DAY)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    items = answer.json()["items"]
    assert len(items) == 24
    assert list(items[1]) == ["market_id", "ts", "oi_base", "oi_quote_usd"]
    assert items[1]["ts"] == "2026-05-01T01:00:00.000000+00:00"


def test_a_market_may_be_sent_with_colons_encoded(client: httpx.Client) -> None:
    plain, encoded = (client.get(PATH.format(market), params=DAY) for market in (SOL, SOL.replace(":", "%3A")))
    assert plain.status_code == encoded.status_code == 200
    assert plain.content == encoded.content


def test_every_answer_says_where_its_data_comes_from(client: httpx.Client) -> None:
    real = {"interval": "1m", "start_timestamp": "2019-12-26", "end_timestamp": "2019-12-29"}
    answer = client.get(PATH.format("bitmex:perp:XBTUSD"), params=real)
    assert (answer.headers["x-sandbox-data"], len(answer.json()["items"])) == ("real", 70)
    assert client.get(PATH.format(SOL), params=DAY).headers["x-sandbox-data"] == "synthetic"


def test_a_window_without_samples_answers_with_no_items(client: httpx.Client) -> None:
    long_ago = {"interval": "1d", "start_timestamp": "0001-01-01", "end_timestamp": "0001-01-08"}
    assert client.get(PATH.format(SOL), params=long_ago).content == b'{"items":[]}'


def test_the_default_limit_is_500_and_the_largest_5000(client: httpx.Client) -> None:
    week = {**DAY, "interval": "1m", "end_timestamp": "2026-05-08"}
    assert len(client.get(PATH.format("hl:perp:BTC-USDC"), params=week).json()["items"]) == 500
    assert len(client.get(PATH.format("hl:perp:BTC-USDC"), params={**week, "limit": "5000"}).json()["items"]) == 5000


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("", 401), ("wrong", 403), ("sandbox-key2", 403), ("schl\u00fcssel", 403)]
)
def test_a_missing_key_is_401_and_a_wrong_one_403(client: httpx.Client, key: str | None, status: int) -> None:
    headers = [] if key is None else [(b"X-API-KEY", key.encode("latin-1"))]
    answer = httpx.get(f"{client.base_url}{PATH.format(SOL)}", params=DAY, headers=headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize(
    ("market", "status"), [("hl:perp:NO-SUCH", 404), ("hl:spot:HYPE-USDC", 422), ("%00", 404), ("%FF", 404)]
)
def test_a_market_that_is_unknown_or_no_perpetual_is_refused(client: httpx.Client, market: str, status: int) -> None:
    answer = client.get(PATH.format(market), params=DAY)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_a_refused_parameter_is_explained_in_fastapis_style(client: httpx.Client) -> None:
    answer = client.get(PATH.format(SOL), params={**DAY, "limit": "5001"})
    assert answer.status_code == 422
    message = "Input should be less than or equal to 5000"
    assert answer.json() == {"detail": [{"loc": ["query", "limit"], "msg": message, "type": "less_than_equal"}]}


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", PATH.format(SOL) + "/", PATH.format("a/b"), PATH.format("")]
)
def test_there_is_nothing_else(client: httpx.Client, path: str) -> None:
    assert client.get(path, params=DAY).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_there_is_no_other_method(client: httpx.Client, method: str) -> None:
    answer = client.request(method, PATH.format(SOL), params=DAY)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_gzip_is_used_where_asked_for_and_accepted(samples: Samples) -> None:
    app = create_app(samples, reading_named(["gzip", "error-empty"]))
    with running(app) as base_url, httpx.Client(base_url=base_url, headers={"X-API-KEY": DEFAULT_API_KEY}) as client:
        packed = client.get(PATH.format(SOL), params=DAY, headers={"Accept-Encoding": "gzip"})
        plain = client.get(PATH.format(SOL), params=DAY, headers={"Accept-Encoding": "identity"})
        refused = client.get(PATH.format("none"), params=DAY)
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert (refused.status_code, refused.content) == (404, b"")


def test_requests_are_logged_without_the_key(client: httpx.Client, app: Any) -> None:
    app.state.requests.clear()
    client.get(PATH.format(SOL), params={**DAY, "limit": "0"})
    client.post("/nowhere")
    first, second = app.state.requests
    assert isinstance(first, LoggedRequest)
    assert (first.method, first.path, first.status) == ("GET", PATH.format(SOL), 422)
    assert first.query.endswith("limit=0")
    assert (second.method, second.path, second.query, second.status) == ("POST", "/nowhere", "", 404)
    assert first.at <= second.at
    assert DEFAULT_API_KEY not in repr(app.state.requests)


def test_a_double_may_replace_one_step_of_the_endpoint(samples: Samples) -> None:
    class Stingy(SandboxEndpoint):
        def parse(self, query_string: bytes) -> Query:
            query = super().parse(query_string)
            return Query(query.interval, query.start, query.end, 1)

    with running(create_app(samples, endpoint=Stingy)) as base_url:
        answer = httpx.get(base_url + PATH.format(SOL), params=DAY, headers={"X-API-KEY": DEFAULT_API_KEY})
    assert len(answer.json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "schl\u00fcssel", "two\nlines", " spaced"])
def test_a_key_that_no_header_carries_is_an_error(samples: Samples, key: str) -> None:
    with pytest.raises(SandboxError, match="API key"):
        create_app(samples, api_key=key)


def test_a_stopped_sandbox_leaves_no_thread_and_no_socket(samples: Samples) -> None:
    before = threading.active_count()
    with running(create_app(samples)) as base_url:
        assert httpx.get(base_url).status_code == 404
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url)


def test_a_sandbox_stops_when_its_block_fails(samples: Samples) -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), running(create_app(samples)):
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_a_port_in_use_is_one_clear_error(samples: Samples) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=rf"cannot listen on 127.0.0.1 port {port}: .*in use"):
            server.serve(create_app(samples), port=port)


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_host_that_has_no_address_is_an_error(
    samples: Samples, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(SandboxError, match="cannot listen on nowhere"), running(create_app(samples), "nowhere"):
        pass


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 65536), ("127.0.0.1", -1)])
def test_an_impossible_address_is_an_error(samples: Samples, host: str, port: int) -> None:
    with pytest.raises(SandboxError, match="port"), running(create_app(samples), host, port):
        pass


def test_main_refuses_what_a_user_gets_wrong(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no reading"):
        command.run(0, "127.0.0.1", [], "k", ["none"], 1)
    with pytest.raises(SandboxError, match="no such file"):
        command.run(0, "127.0.0.1", [tmp_path / "x.csv"], "k", [], 1)
    with pytest.raises(SandboxError, match="API key"):
        command.run(0, "127.0.0.1", [], "", [], 1)


def test_ctrl_c_ends_the_command_quietly() -> None:
    code = "from allium_market_data.cli.sandbox import run; run(0, '127.0.0.1', [], 'own-secret', ['ts-z'], 7)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().split()[-1]
        answer = httpx.get(url + PATH.format(SOL), params=DAY, headers={"X-API-KEY": "own-secret"})
        os.kill(process.pid, signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
    assert answer.json()["items"][0]["ts"] == "2026-05-01T00:00:00Z"
    assert (process.returncode, err) == (0, "")
    assert "synthetic  made from seed 7" in out
    assert "reading: ts-z" in out
    assert "own-secret" not in out


def test_importing_the_package_loads_neither_fastapi_nor_duckdb() -> None:
    code = "import sys, allium_market_data.sandbox; print({'duckdb', 'fastapi', 'uvicorn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_missing_extra_is_an_error_with_the_command_that_installs_it() -> None:
    code = "import sys; sys.modules['duckdb'] = None\nfrom allium_market_data.sandbox import Samples"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "ImportError: the sandbox is an extra: pip install 'allium-market-data[sandbox]' (duckdb is not installed)"
        in failed.stderr
    )


def test_every_public_name_is_there() -> None:
    assert dir(sandbox) == sorted(sandbox.__all__)
    assert all(getattr(sandbox, name) is not None for name in sandbox.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sandbox.nothing

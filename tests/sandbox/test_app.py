"""The sandbox over HTTP: paths, keys, errors, the log of requests, starting and stopping."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import allium_market_data_wire
from allium_market_data import sandbox
from allium_market_data.cli import main as cli
from allium_market_data.cli import sandbox as command
from allium_market_data.cli.sandbox import Options
from allium_market_data.errors import SandboxError
from allium_market_data.model.intervals import WIDTHS
from allium_market_data.model.times import from_micros
from allium_market_data.sandbox import (
    DEFAULT_API_KEY,
    Samples,
    SandboxEndpoint,
    create_app,
    reading_named,
    running,
    server,
)
from allium_market_data.sandbox.answer import Span
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.request_log import LoggedRequest, access_line
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from support.sandbox_requests import label_of, parameters_for, path_of

SOL = "hl:perp:SOL-USDC"
ITEMS = OPEN_INTEREST.items_field
SHORTEST = OPEN_INTEREST.intervals[0]
DAY = parameters_for("1h", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z")
KEY = {KEY_HEADER: DEFAULT_API_KEY}


@pytest.fixture(scope="module")
def client(sandbox_app: Any) -> Iterator[httpx.Client]:
    with (
        running(sandbox_app) as base_url,
        httpx.Client(base_url=base_url, headers=KEY) as opened,
    ):
        yield opened


def test_example_of_the_specification_is_answered(client: httpx.Client) -> None:
    response = client.get(path_of("hl:perp:BTC-USDC"), params=DAY)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    items = response.json()[ITEMS]
    assert len(items) == 24
    amounts = [field.name for field in OPEN_INTEREST.decimals]
    assert list(items[1]) == [OPEN_INTEREST.market_field, OPEN_INTEREST.timestamp_field, *amounts]
    assert label_of(items[1]) == parse_instant("2026-05-01T01:00Z")


def test_colons_of_a_market_may_be_encoded(client: httpx.Client) -> None:
    plain, encoded = (client.get(path_of(market), params=DAY) for market in (SOL, SOL.replace(":", "%3A")))
    assert plain.status_code == encoded.status_code == 200
    assert plain.content == encoded.content


def test_header_names_the_kind_of_data(client: httpx.Client) -> None:
    real = parameters_for("1m", "2019-12-28", "2019-12-29")
    response = client.get(path_of("bitmex:perp:XBTUSD"), params=real)
    assert response.headers["x-sandbox-data"] == "real"
    assert response.json()[ITEMS]
    assert client.get(path_of(SOL), params=DAY).headers["x-sandbox-data"] == "synthetic"


def test_window_without_samples_has_no_items(client: httpx.Client) -> None:
    long_ago = parameters_for("1d", "0001-01-01", "0001-01-02")
    assert client.get(path_of(SOL), params=long_ago).json() == {ITEMS: []}


@pytest.mark.parametrize("limit", [None, OPEN_INTEREST.limit_maximum])
def test_limit_has_a_default_and_a_maximum(client: httpx.Client, samples: Samples, limit: int | None) -> None:
    start = parse_instant("2026-05-01")
    end = start + OPEN_INTEREST.window_cap
    query = parameters_for(SHORTEST, "2026-05-01", from_micros(end).isoformat(), limit)
    items = client.get(path_of("hl:perp:BTC-USDC"), params=query).json()[ITEMS]
    every = samples.history("hl:perp:BTC-USDC").last_per_bucket(WIDTHS[SHORTEST], Span(start, end))
    assert len(items) == min(len(every), limit or OPEN_INTEREST.limit_default)


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("", 401), ("wrong", 403), ("sandbox-key2", 403), ("schl\u00fcssel", 403)]
)
def test_missing_key_is_401_and_wrong_key_403(client: httpx.Client, key: str | None, status: int) -> None:
    headers = [] if key is None else [(KEY_HEADER.encode(), key.encode("latin-1"))]
    response = httpx.get(f"{client.base_url}{path_of(SOL)}", params=DAY, headers=headers)
    assert response.status_code == status
    assert list(response.json()) == ["detail"]


@pytest.mark.parametrize(
    ("market", "status"), [("hl:perp:NO-SUCH", 404), ("hl:spot:HYPE-USDC", 422), ("%00", 404), ("%FF", 404)]
)
def test_unknown_market_is_404_and_spot_market_422(client: httpx.Client, market: str, status: int) -> None:
    response = client.get(path_of(market), params=DAY)
    assert response.status_code == status
    assert isinstance(response.json()["detail"], str)


def test_invalid_parameter_is_explained_as_by_fastapi(client: httpx.Client) -> None:
    name, most = OPEN_INTEREST.limit_parameter, OPEN_INTEREST.limit_maximum
    response = client.get(path_of(SOL), params={**DAY, name: most + 1})
    assert response.status_code == 422
    message = f"Input should be less than or equal to {most}"
    assert response.json() == {"detail": [{"loc": ["query", name], "msg": message, "type": "less_than_equal"}]}


@pytest.mark.parametrize(
    "path", ["/", "/redoc", "/docs/", "/health/x", path_of(SOL) + "/", path_of("a/b"), path_of("")]
)
def test_other_paths_are_404(client: httpx.Client, path: str) -> None:
    assert client.get(path, params=DAY).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_405(client: httpx.Client, method: str) -> None:
    response = client.request(method, path_of(SOL), params=DAY)
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize("path", [path_of(SOL), path_of("none"), "/openapi.json", "/docs", "/health", "/none"])
def test_head_has_the_headers_of_get_and_no_body(client: httpx.Client, path: str) -> None:
    get, head = (client.request(method, path, params=DAY) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert int(head.headers["content-length"]) == len(get.content) > 0


def test_document_is_the_published_one_of_this_server(client: httpx.Client) -> None:
    published = json.loads(Path(allium_market_data_wire.__file__).with_name("openapi.json").read_text())
    document = httpx.get(f"{client.base_url}/openapi.json").json()
    assert document.pop("servers") == [{"url": "/", "description": "This sandbox"}]
    assert document == {name: value for name, value in published.items() if name != "servers"}


def test_page_to_try_it_out_and_health_path_need_no_key(client: httpx.Client) -> None:
    docs = httpx.get(f"{client.base_url}/docs")
    assert docs.headers["content-type"].startswith("text/html")
    assert "url: 'openapi.json'" in docs.text
    assert httpx.get(f"{client.base_url}/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:3000", True), ("https://127.0.0.1", True), ("http://[::1]:8080", True), ("https://own.example", True),
     ("https://other.example", False), ("http://localhost.example", False), ("null", False)],
)  # fmt: skip
def test_pages_of_this_machine_and_of_allowed_origins_may_call(samples: Samples, origin: str, allowed: bool) -> None:
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": KEY_HEADER.lower()}
    with running(create_app(samples, cors_origins=["https://own.example"])) as url:
        asked = httpx.options(url + path_of(SOL), headers={"Origin": origin, **preflight})
        got = httpx.get(url + path_of(SOL), headers={"Origin": origin, **KEY})
    allowed_origin = origin if allowed else None
    assert (asked.status_code == 200) is allowed
    assert (
        asked.headers.get("access-control-allow-origin")
        == got.headers.get("access-control-allow-origin")
        == allowed_origin
    )
    assert KEY_HEADER.lower() in asked.headers["access-control-allow-headers"].lower()
    assert got.status_code == 422  # an error can be read by a page too
    assert got.headers["access-control-expose-headers"] == "X-Sandbox-Data"


@pytest.mark.parametrize(
    "origin", ["app.example", "https://app.example/", "https://app.example/page", "", "https://App.example"]
)
def test_origin_that_no_browser_sends_is_an_error(samples: Samples, origin: str) -> None:
    with pytest.raises(SandboxError, match="not an origin"):
        create_app(samples, cors_origins=[origin])


def test_any_origin_may_be_allowed(samples: Samples) -> None:
    with running(create_app(samples, cors_origins=["*"])) as url:
        got = httpx.get(f"{url}/health", headers={"Origin": "https://other.example"})
    assert got.headers["access-control-allow-origin"] == "*"


def test_gzip_is_sent_to_clients_that_accept_it(samples: Samples) -> None:
    app = create_app(samples, reading_named(["gzip", "error-empty"]))
    with running(app) as base_url, httpx.Client(base_url=base_url, headers=KEY) as client:
        packed = client.get(path_of(SOL), params=DAY, headers={"Accept-Encoding": "gzip"})
        plain = client.get(path_of(SOL), params=DAY, headers={"Accept-Encoding": "identity"})
        refused = client.get(path_of("none"), params=DAY)
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert (refused.status_code, refused.content) == (404, b"")


def test_requests_are_logged_without_the_key(client: httpx.Client, sandbox_app: Any) -> None:
    sandbox_app.state.requests.clear()
    client.get(path_of(SOL), params={**DAY, OPEN_INTEREST.limit_parameter: "0"})
    client.post("/nowhere")
    first, second = sandbox_app.state.requests
    assert isinstance(first, LoggedRequest)
    assert (first.method, first.path, first.status) == ("GET", path_of(SOL), 422)
    assert first.query.endswith("=0")
    assert (second.method, second.path, second.query, second.status) == ("POST", "/nowhere", "", 404)
    assert first.at <= second.at
    assert DEFAULT_API_KEY not in repr(sandbox_app.state.requests)


def test_access_log_has_a_line_for_each_request(samples: Samples) -> None:
    lines: list[str] = []
    with running(create_app(samples, api_key="own-secret", access_log=lines.append)) as url:
        for path in (path_of(SOL), "/own-secret", "/health"):
            query = {**DAY, OPEN_INTEREST.limit_parameter: "own-secret", "key": "other-secret", "other-secret": ""}
            httpx.get(url + path, params=query, headers={KEY_HEADER: "own-secret"})
    values = [f"{name}={value}" for name, value in {**DAY, OPEN_INTEREST.limit_parameter: "[key]"}.items()]
    shown = f"?{'&'.join(values)}&...&..."
    targets = [(path_of(SOL), 422), ("/[key]", 404), ("/health", 200)]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [f"GET {path}{shown} {status}" for path, status in targets]
    assert all(re.fullmatch(r"[0-9.]+ ms", " ".join(line.rsplit(" ", 2)[1:])) for line in lines)


text = st.text(max_size=8) | st.sampled_from(["\ud800", "\n", "%0A", "x" * 100, "+ "])


@given(st.lists(text, max_size=3), st.lists(st.tuples(text | st.just("known"), text), max_size=4), st.data())
def test_line_of_the_access_log_is_one_and_has_no_key(
    parts: list[str], pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    key = "s3cret&k y=/x"
    place = data.draw(st.sampled_from(["path", "value", "name", "unknown", "nowhere"]))
    added = {"value": ("known", key), "name": (key, ""), "unknown": ("token", f"Bearer {key}")}.get(place)
    path = "/".join(["", *parts, *(["s3cret"] if place == "path" else [])])
    query = urlencode([*pairs, *([added] if added else [])], errors="surrogatepass")
    line = access_line(("GET", path, query), "200", 0.0, ["known"], "s3cret" if place == "path" else key)
    assert "s3cret" not in line
    assert line.isascii()
    assert line.isprintable()


def test_subclass_may_override_one_step(samples: Samples) -> None:
    class OneRow(SandboxEndpoint):
        def parse(self, query_string: bytes) -> Query:
            query = super().parse(query_string)
            return Query(query.interval, query.start, query.end, 1)

    with running(create_app(samples, endpoint=OneRow)) as base_url:
        response = httpx.get(base_url + path_of(SOL), params=DAY, headers=KEY)
    assert len(response.json()[ITEMS]) == 1


@pytest.mark.parametrize("key", ["", "schl\u00fcssel", "two\nlines", " spaced"])
def test_key_that_cannot_be_sent_is_an_error(samples: Samples, key: str) -> None:
    with pytest.raises(SandboxError, match="API key"):
        create_app(samples, api_key=key)


def sandbox_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "sandbox"}


def test_stopped_sandbox_leaves_no_thread_and_no_socket(samples: Samples) -> None:
    before = sandbox_threads()
    with running(create_app(samples)) as base_url:
        assert httpx.get(base_url).status_code == 404
        assert sandbox_threads() > before
    assert sandbox_threads() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url)


def test_sandbox_stops_when_its_block_fails(samples: Samples) -> None:
    before = sandbox_threads()
    with pytest.raises(ZeroDivisionError), running(create_app(samples)):
        raise ZeroDivisionError
    assert sandbox_threads() == before


def test_port_in_use_is_an_error(samples: Samples) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=rf"cannot listen on 127.0.0.1 port {port}: .*in use"):
            server.serve(create_app(samples), port=port)


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_host_without_address_is_an_error(
    samples: Samples, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(SandboxError, match="cannot listen on nowhere"), running(create_app(samples), "nowhere"):
        pass


@pytest.mark.parametrize("port", [65536, -1])
def test_impossible_port_is_an_error(samples: Samples, port: int) -> None:
    with pytest.raises(SandboxError, match="port"), running(create_app(samples), port=port):
        pass


def test_command_rejects_invalid_options(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no reading"):
        command.run(Options(readings=["none"]))
    with pytest.raises(SandboxError, match="no such file"):
        command.run(Options(data=[tmp_path / "x.csv"]))
    with pytest.raises(SandboxError, match="API key"):
        command.run(Options(api_key=""))
    with pytest.raises(SandboxError, match="--cors-origin has no effect with --fault"):
        command.run(Options(faults=["html"], cors_origins=["*"]))


def test_command_prints_reading_and_markets_but_no_own_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "serve", lambda app, host, port, on_start: on_start("http://127.0.0.1:1"))
    command.run(Options(api_key="own-secret", readings=["ts-z"], seed=7))
    output = capsys.readouterr().out
    assert output.startswith("sandbox at http://127.0.0.1:1\n")
    assert "synthetic  made from seed 7" in output
    assert "reading: ts-z" in output
    assert "own-secret" not in output


def test_command_counts_the_rows_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "serve", lambda app, host, port, on_start: on_start("http://127.0.0.1:1"))
    file = tmp_path / "own.csv"
    file.write_text("market_id,time,oi_base,oi_quote_usd\nown:perp:A,2026-05-01,1,2\nown:perp:A,never,1,2\n")
    arguments = ["sandbox", "--data", str(file), "--map", "ts=time", "--skip-bad-rows"]
    output = CliRunner().invoke(cli.app, arguments).output
    assert f"{file}: 2 rows, 1 of them bad and skipped; the first: line 3, column time: 'never': not an ISO" in output
    assert "own:perp:A               file       from --data" in output


def test_missing_extra_is_an_error_with_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.delitem(sys.modules, "allium_market_data.sandbox.samples")
    message = "the sandbox is an extra: pip install 'allium-market-data[sandbox]' (duckdb is not installed)"
    with pytest.raises(ImportError, match=re.escape(message)):
        _ = sandbox.Samples


def test_all_public_names_exist() -> None:
    assert dir(sandbox) == sorted(sandbox.__all__)
    assert all(getattr(sandbox, name) is not None for name in sandbox.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sandbox.nothing

"""The transport: statuses, retries, timeouts, limits, broken responses and the key. Scripted servers run in virtual time."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from allium_market_data import AsyncMarketData, OpenInterestSeries, RetryPolicy
from allium_market_data.client import body
from allium_market_data.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContractError,
    FetchError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    UnexpectedStatusError,
    UsageError,
)
from allium_market_data.model.windows import Window
from support import virtual_time, wire
from support.adapted import scripted
from support.serving import MARKET, SECRET, http, page, served

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(MAY - HOUR, MAY, MAY + 3 * HOUR)
GOOD = page(WINDOW.start, 4)
QUICK = RetryPolicy(attempts=4, first_pause=0, longest_pause=0, jitter=0)
HIDDEN = [SECRET]
"""In a list of the module, so that no frame of a test holds the key."""

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler | None = None, url: str = "https://api.example", **options: Any) -> AsyncMarketData:
    """A client of a server that is a function, or of a real one at ``url``."""
    market_data = AsyncMarketData(HIDDEN[0], url, **{"retry": QUICK, **options})
    if handler is not None:
        market_data._http = scripted(handler)
    return market_data


def fetch(market_data: AsyncMarketData, hours: int = 3) -> OpenInterestSeries:
    async def main() -> OpenInterestSeries:
        async with market_data:
            return await market_data.open_interest(MARKET, interval="1h", start=MAY, end=MAY + hours * HOUR)

    return virtual_time.run(main()) if market_data._http else asyncio.run(main())


class Script:
    """Responses in turn, the last one for ever. Records the requests, and when they came."""

    def __init__(self, *responses: httpx.Response | Exception) -> None:
        self.responses = responses
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(virtual_time.now())
        response = self.responses[min(len(self.requests), len(self.responses)) - 1]
        if isinstance(response, Exception):
            raise response
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    @property
    def pauses(self) -> list[float]:
        return [round(after - before, 6) for before, after in pairwise(self.times)]


def good() -> httpx.Response:
    return httpx.Response(200, content=GOOD)


def test_a_request_carries_the_key_the_window_and_the_limit() -> None:
    script = Script(good())
    assert len(fetch(client(script))) == 3
    (request,) = script.requests
    assert request.headers["x-api-key"] == SECRET
    assert request.headers["user-agent"].startswith("allium-market-data/")
    assert request.url.raw_path.startswith(f"{wire.path('hl:perp:BTC-USDC')}?".encode())
    expected = wire.params("1h", "2026-04-30T23:00:00Z", "2026-05-01T03:00:00Z")
    assert dict(request.url.params) == {name: str(value) for name, value in expected.items()}


def test_a_base_url_may_have_a_path() -> None:
    script = Script(good())
    fetch(client(script, "https://proxy.example/allium/"))
    assert script.requests[0].url.path.startswith("/allium/api/v1/markets/")


@pytest.mark.parametrize("url", ["https://xn--a"])
def test_a_base_url_with_an_invalid_host_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="base_url is not a URL"):
        fetch(client(url=url))


STATUSES = [
    (400, RefusedError),
    (401, AuthenticationError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (408, RefusedError),
    (422, RefusedError),
    (429, RateLimitedError),
    (500, ServerError),
    (502, ServerError),
    (520, ServerError),
    (204, UnexpectedStatusError),
    (301, UnexpectedStatusError),
    (307, UnexpectedStatusError),
]
RETRIED = {408, 429, 500, 502, 503, 504, 520}


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_the_error_of_a_status_has_the_whole_context(status: int, kind: type[ResponseError]) -> None:
    said = b"" if status == 204 else b'{"detail": "because"}'
    script = Script(
        httpx.Response(status, headers={"X-Request-Id": "r7", "location": "https://x.example"}, content=said)
    )
    with pytest.raises(kind, match=f"the server answered {status}: ") as caught:
        fetch(client(script))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.market_id, error.window, error.body) == (status, MARKET, WINDOW, said)
    assert error.headers["x-request-id"] == "r7"
    assert ("because" in str(error)) is (status != 204)
    assert len(script.requests) == (4 if status in RETRIED else 1)


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_a_transient_status_is_retried(status: int) -> None:
    script = Script(httpx.Response(status), httpx.Response(status), good())
    series = fetch(client(script))
    assert (len(series), len(script.requests), series.provenance.requests) == (3, 3, 3)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectTimeout("slow"), RequestTimeoutError),
        (httpx.ReadTimeout("slow"), RequestTimeoutError),
        (httpx.PoolTimeout("slow"), RequestTimeoutError),
        (httpx.ConnectError("refused"), ConnectionFailedError),
        (httpx.ReadError("reset"), ConnectionFailedError),
        (httpx.RemoteProtocolError("nonsense"), ConnectionFailedError),
        (httpx.ProxyError("proxy"), ConnectionFailedError),
        (httpx.DecodingError("zlib"), ConnectionFailedError),
    ],
)
def test_a_broken_or_slow_connection_is_retried(failure: Exception, kind: type[FetchError]) -> None:
    script = Script(failure, failure, good())
    assert len(fetch(client(script))) == 3
    script = Script(failure)
    with pytest.raises(kind) as caught:
        fetch(client(script))
    assert len(script.requests) == QUICK.attempts
    assert (caught.value.window, caught.value.status) == (WINDOW, None)


def test_one_attempt_is_not_retried() -> None:
    script = Script(httpx.Response(503), good())
    with pytest.raises(ServerError):
        fetch(client(script, retry=RetryPolicy(attempts=1)))
    assert len(script.requests) == 1


@pytest.mark.parametrize("half", [GOOD[:-2], GOOD[: len(GOOD) // 2], b"{", b""])
def test_truncated_json_is_retried(half: bytes) -> None:
    script = Script(httpx.Response(200, content=half), good())
    assert len(fetch(client(script))) == 3
    with pytest.raises(ConnectionFailedError, match="the JSON of the response is truncated") as caught:
        fetch(client(Script(httpx.Response(200, content=half))))
    assert (caught.value.status, caught.value.body) == (200, half[:2_000])


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b'{"error": "no"}', b"[]", b"null", b'{"items": null}'])
def test_other_json_breaks_the_contract_and_is_not_retried(body: bytes) -> None:
    script = Script(httpx.Response(200, headers={"server": "s"}, content=body))
    with pytest.raises(ContractError) as caught:
        fetch(client(script))
    assert len(script.requests) == 1
    assert (caught.value.status, caught.value.headers["server"], caught.value.body) == (200, "s", body)
    assert caught.value.window == WINDOW


def test_pauses_double_up_to_the_longest() -> None:
    script = Script(httpx.Response(500))
    with pytest.raises(ServerError):
        fetch(client(script, retry=RetryPolicy(attempts=6, first_pause=0.5, longest_pause=3, jitter=0)))
    assert script.pauses == [0.5, 1, 2, 3, 3]


def test_pauses_have_jitter() -> None:
    script = Script(httpx.Response(500))
    with pytest.raises(ServerError):
        fetch(client(script, retry=RetryPolicy(attempts=20, first_pause=1, longest_pause=10, jitter=1)))
    assert 1 <= script.pauses[0] <= 2
    assert max(script.pauses) < 10.001  # differences of the virtual clock are rounded
    assert len(set(script.pauses[:3])) == 3


@pytest.mark.parametrize(("retry_after", "pause"), [("7", 7), ("0", 0), ("soon", 0.5), (None, 0.5)])
def test_retry_after_is_honoured(retry_after: str | None, pause: float) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    script = Script(httpx.Response(429, headers=headers), good())
    fetch(client(script, retry=RetryPolicy(first_pause=0.5, longest_pause=2, jitter=0)))
    assert script.pauses == [pause]


def test_a_retry_after_that_is_a_date_is_honoured() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    script = Script(httpx.Response(503, headers={"retry-after": date}), good())
    fetch(client(script, retry=RetryPolicy(jitter=0)))
    assert 20 < script.pauses[0] <= 100


def test_a_retry_after_longer_than_the_policy_allows_is_raised_at_once() -> None:
    script = Script(httpx.Response(429, headers={"retry-after": "3600"}), good())
    with pytest.raises(RateLimitedError, match="Retry-After 3600"):
        fetch(client(script))
    assert len(script.requests) == 1


def test_a_body_that_decompresses_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_BODY", 2**20)
    packed = gzip.compress(b'{"items": [' + b" " * 2**21 + b"]}")
    script = Script()

    def handler(request: httpx.Request) -> httpx.Response:
        script.requests.append(request)
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(packed))

    with pytest.raises(ContractError, match="longer than 1 MiB") as caught:
        fetch(client(handler))
    assert (len(script.requests), caught.value.window) == (1, WINDOW)


def test_a_body_of_the_maximum_size_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_BODY", len(GOOD))
    assert len(fetch(client(Script(good())))) == 3


def raw_answers(*answers: bytes) -> tuple[Callable[[socket.socket, bytes], None], list[bytes]]:
    """Raw answers in turn, the last one for ever, and the heads of the requests."""
    heads: list[bytes] = []

    def answer(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.sendall(answers[min(len(heads), len(answers)) - 1])

    return answer, heads


PACKED = gzip.compress(GOOD)
CUTS = {
    "reset before the answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "shorter than its length": http(GOOD, length=len(GOOD) + 1),
    "a chunk is missing": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n" + GOOD[:5] + b"\r\n",
    "broken gzip": http(PACKED[:60] + b"\xff" * 20 + PACKED[80:], headers=["content-encoding: gzip"]),
    "no gzip at all": http(GOOD, headers=["content-encoding: gzip"]),
    "cut gzip": http(PACKED[:-30], headers=["content-encoding: gzip"]),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=list(CUTS))
def test_a_truncated_or_broken_response_on_the_wire_is_retried(cut: bytes) -> None:
    answer, heads = raw_answers(cut, cut, http(GOOD))
    with served(answer) as url:
        assert len(fetch(client(url=url))) == 3
    assert len(heads) == 3
    answer, heads = raw_answers(cut)
    with served(answer) as url, pytest.raises(ConnectionFailedError) as caught:
        fetch(client(url=url))
    assert len(heads) == QUICK.attempts
    assert caught.value.window == WINDOW


def test_a_closed_port_is_a_failed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        ConnectionFailedError, match=f"no complete response from http://127.0.0.1:{port}: cannot connect"
    ):
        fetch(client(url=f"http://127.0.0.1:{port}"))


class Drip(httpx.AsyncByteStream):
    """A body that never ends, a byte a second."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(1)


def test_the_timeout_bounds_the_whole_response() -> None:
    times: list[float] = []

    def handler(_: httpx.Request) -> httpx.Response:
        times.append(virtual_time.now())
        return httpx.Response(200, stream=Drip())

    with pytest.raises(RequestTimeoutError, match=r"within 20 s"):
        fetch(client(handler, timeout=20, retry=RetryPolicy(attempts=3, first_pause=0, longest_pause=0, jitter=0)))
    assert times == [0, 20, 40]


def test_a_redirect_is_not_followed() -> None:
    elsewhere, seen = raw_answers(http(GOOD))
    with served(elsewhere) as other:
        answer, heads = raw_answers(http(b"", "302 Found", [f"location: {other}/"]))
        with served(answer) as url, pytest.raises(UnexpectedStatusError, match="redirects are not followed"):
            fetch(client(url=url))
    assert (len(heads), seen) == (1, [])


class Meter:
    """A server that takes ``seconds`` for a response. Records when requests came, and how many were in flight."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.in_flight, self.max_in_flight = seconds, 0, 0
        self.times: list[float] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.times.append(virtual_time.now())
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.sleep(self.seconds)
        self.in_flight -= 1
        start, end = wire.window(request.url.params)
        return httpx.Response(200, content=page(start, (end - start) // HOUR))


def fetch_90_days(meter: Meter, markets: int = 1, **options: Any) -> None:
    async def main() -> None:
        market_data = client(meter, **options)  # type: ignore[arg-type]
        async with market_data:
            span: Any = {"interval": "1h", "start": MAY, "end": MAY + timedelta(days=90)}
            fetches = [market_data.open_interest(MARKET, **span) for _ in range(markets)]
            assert {len(series) for series in await asyncio.gather(*fetches)} == {90 * 24}

    virtual_time.run(main())


@pytest.mark.parametrize("max_concurrency", [1, 3])
def test_max_concurrency_holds_over_all_fetches(max_concurrency: int) -> None:
    meter = Meter(seconds=1)
    fetch_90_days(meter, markets=3, max_concurrency=max_concurrency)
    assert meter.max_in_flight == max_concurrency
    assert len(meter.times) == 3 * 14


def test_max_rate_spaces_requests_evenly() -> None:
    meter = Meter(seconds=0)
    fetch_90_days(meter, max_rate=5)
    assert [round(after - before, 6) for before, after in pairwise(meter.times)] == [0.2] * 13


def test_retries_count_towards_max_rate() -> None:
    script = Script(httpx.Response(503), httpx.Response(503), httpx.Response(503), good())
    fetch(client(script, max_rate=5))
    assert script.pauses == [0.2] * 3


def shown(failure: BaseException) -> str:
    """Everything that a traceback with local variables shows, and the error itself."""
    plain = "".join(traceback.TracebackException.from_exception(failure, capture_locals=True).format())
    return f"{plain}{failure!r}{failure}{vars(failure)}"


def is_hidden_in(text: str) -> bool:
    return not any(form in text for form in (HIDDEN[0], repr(HIDDEN[0])[1:-1], json.dumps(HIDDEN[0])[1:-1], "nobody"))


@pytest.mark.parametrize(
    "answer",
    [
        lambda key: httpx.Response(403, json={"detail": f"the key {key} is not known"}),
        lambda key: httpx.Response(500, content=f"<p>{key}</p>".encode()),
        lambda key: httpx.Response(429, headers={"x-key": key, "retry-after": key}),
        lambda key: httpx.Response(302, headers={"location": f"https://x.example/?key={key}"}),
        lambda key: httpx.Response(400, content=b"x" * 1_990 + key.encode()),
        lambda key: httpx.Response(200, json={"items": [{"market_id": key}]}),
        lambda key: httpx.Response(200, content=page(WINDOW.start, 4, market_id=key)),
        lambda key: httpx.Response(200, content=page(WINDOW.start, 4).replace(b"1.50", json.dumps(key)[1:-1].encode())),
        lambda key: httpx.Response(200, content=key.encode()),
        lambda key: httpx.ReadError(f"broken while sending {key}"),
        httpx.ConnectTimeout,
    ],
)
def test_a_key_that_a_server_echoes_is_in_no_error_and_no_traceback(
    answer: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(FetchError) as caught:
        fetch(
            client(Script(answer(HIDDEN[0])), retry=RetryPolicy(attempts=2, first_pause=0, longest_pause=0, jitter=0))
        )
    del answer
    assert is_hidden_in(shown(from_the_package(caught.value)))
    assert is_hidden_in(caplog.text)


def from_the_package(failure: BaseException) -> BaseException:
    """Without the frames of the test itself, which holds the server and so its lie."""
    frames: Any = failure.__traceback__
    while "allium_market_data" not in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    return failure.with_traceback(frames)


def test_no_traceback_over_a_real_socket_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer, heads = raw_answers(http(b"", length=5))
    with served(answer) as url, pytest.raises(ConnectionFailedError) as caught:
        fetch(client(url=url))
    assert SECRET.encode() in heads[0]
    failure: BaseException | None = caught.value
    assert (failure.__cause__, failure.__context__) == (None, None) if failure else False
    assert is_hidden_in(shown(from_the_package(caught.value)))
    assert is_hidden_in(caplog.text)


def test_no_traceback_of_a_cancelled_fetch_shows_the_key() -> None:
    stalled = threading.Event()

    def stall(connection: socket.socket, _: bytes) -> None:
        stalled.set()
        connection.recv(1)

    async def main(url: str) -> None:
        async with client(url=url) as market_data, asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:

            async def expire() -> None:
                await asyncio.to_thread(stalled.wait, 60)
                limit.reschedule(asyncio.get_running_loop().time())

            group.create_task(expire())
            await market_data.open_interest(MARKET, interval="1h", start=MAY, end=MAY + HOUR)

    with served(stall) as url, pytest.raises(TimeoutError) as caught:
        asyncio.run(main(url))
    text = shown(caught.value)
    assert "CancelledError" in text
    assert is_hidden_in(text)


def test_a_short_key_is_not_redacted_in_rows() -> None:
    made = AsyncMarketData("5", "https://api.example")
    made._http = scripted(Script(good()))
    assert [row.oi_base.as_tuple().digits for row in fetch(made)] == [(1, 5, 0), (2, 5, 0), (3, 5, 0)]


def test_closing_the_client_during_a_fetch_is_an_error() -> None:
    async def run() -> None:
        asked = client()

        async def closing(_: httpx.Request) -> httpx.Response:
            await asked.aclose()
            return httpx.Response(503)

        asked._http = scripted(closing)
        await asked.open_interest(MARKET, interval="1h", start=MAY, end=MAY + HOUR)

    with pytest.raises(UsageError, match="the client was closed while a fetch was under way"):
        asyncio.run(run())


def test_a_closed_client_has_no_connection_and_connects_again() -> None:
    ended = threading.Semaphore(0)
    heads: list[bytes] = []

    def keep_open(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.sendall(http(GOOD).replace(b"connection: close\r\n", b""))
        if connection.recv(1) == b"":
            ended.release()

    async def run(url: str) -> None:
        asked = client(url=url)
        for _ in range(2):
            assert len(await asked.open_interest(MARKET, interval="1h", start=MAY, end=MAY + 3 * HOUR)) == 3
            assert not ended.acquire(blocking=False)
            await asked.aclose()
            assert await asyncio.to_thread(ended.acquire, timeout=60)
        await asked.aclose()

    with served(keep_open) as url:
        asyncio.run(run(url))
    assert len(heads) == 2

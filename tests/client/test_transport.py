"""HTTP as servers really answer: statuses, retries, time limits, cut and lying answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable
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
    made = AsyncMarketData(HIDDEN[0], url, **{"retry": QUICK, **options})
    if handler is not None:
        made._http = scripted(handler)
    return made


def fetch(asked: AsyncMarketData, hours: int = 3) -> OpenInterestSeries:
    async def run() -> OpenInterestSeries:
        async with asked:
            return await asked.open_interest(MARKET, interval="1h", start=MAY, end=MAY + hours * HOUR)

    return asyncio.run(run())


class Script:
    """Answers in turn, the last one for ever; counts what it is asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def good() -> httpx.Response:
    return httpx.Response(200, content=GOOD)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts are written down and not waited for."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("stamina._core._smart_sleep", sleep)  # not asyncio.sleep, which all of this process shares
    return waited


def test_a_request_carries_the_key_the_window_and_the_limit() -> None:
    script = Script(good())
    assert len(fetch(client(script))) == 3
    (request,) = script.asked
    assert request.headers["x-api-key"] == SECRET
    assert request.headers["user-agent"].startswith("allium-market-data/")
    assert request.url.raw_path.startswith(b"/api/v1/markets/hl%3Aperp%3ABTC-USDC/perps/open_interest?")
    assert dict(request.url.params) == {
        "interval": "1h",
        "start_timestamp": "2026-04-30T23:00:00Z",
        "end_timestamp": "2026-05-01T03:00:00Z",
        "limit": "5000",
    }


def test_a_base_url_may_have_a_path() -> None:
    script = Script(good())
    fetch(client(script, "https://proxy.example/allium/"))
    assert script.asked[0].url.path.startswith("/allium/api/v1/markets/")


@pytest.mark.parametrize("url", ["https://xn--a"])
def test_a_base_url_that_the_http_library_cannot_read_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError, match="base_url is no URL"):
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
def test_a_status_is_an_error_of_its_kind_with_everything_that_is_known(status: int, kind: type[ResponseError]) -> None:
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
    assert len(script.asked) == (4 if status in RETRIED else 1)


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_what_may_pass_by_itself_is_asked_again_until_it_does(status: int) -> None:
    script = Script(httpx.Response(status), httpx.Response(status), good())
    series = fetch(client(script))
    assert (len(series), len(script.asked), series.provenance.requests) == (3, 3, 3)


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
def test_a_broken_or_slow_connection_is_tried_again_as_often_as_the_policy_says(
    failure: Exception, kind: type[FetchError]
) -> None:
    script = Script(failure, failure, good())
    assert len(fetch(client(script))) == 3
    script = Script(failure)
    with pytest.raises(kind) as caught:
        fetch(client(script))
    assert len(script.asked) == QUICK.attempts
    assert (caught.value.window, caught.value.status) == (WINDOW, None)


def test_one_attempt_means_one() -> None:
    script = Script(httpx.Response(503), good())
    with pytest.raises(ServerError):
        fetch(client(script, retry=RetryPolicy(attempts=1)))
    assert len(script.asked) == 1


@pytest.mark.parametrize("half", [GOOD[:-2], GOOD[: len(GOOD) // 2], b"{", b""])
def test_half_a_json_value_is_a_cut_answer_and_asked_for_again(half: bytes) -> None:
    script = Script(httpx.Response(200, content=half), good())
    assert len(fetch(client(script))) == 3
    with pytest.raises(ConnectionFailedError, match="the JSON of the response is truncated") as caught:
        fetch(client(Script(httpx.Response(200, content=half))))
    assert (caught.value.status, caught.value.body) == (200, half[:2_000])


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b'{"error": "no"}', b"[]", b"null", b'{"items": null}'])
def test_another_value_breaks_the_contract_and_is_not_asked_for_again(body: bytes) -> None:
    script = Script(httpx.Response(200, headers={"server": "s"}, content=body))
    with pytest.raises(ContractError) as caught:
        fetch(client(script))
    assert len(script.asked) == 1
    assert (caught.value.status, caught.value.headers["server"], caught.value.body) == (200, "s", body)
    assert caught.value.window == WINDOW


def test_pauses_double_up_to_the_longest(pauses: list[float]) -> None:
    policy = RetryPolicy(attempts=6, first_pause=0.5, longest_pause=3, jitter=0)
    with pytest.raises(ServerError):
        fetch(client(Script(httpx.Response(500)), retry=policy))
    assert pauses == [0.5, 1, 2, 3, 3]


def test_jitter_keeps_clients_apart(pauses: list[float]) -> None:
    policy = RetryPolicy(attempts=20, first_pause=1, longest_pause=10, jitter=1)
    with pytest.raises(ServerError):
        fetch(client(Script(httpx.Response(500)), retry=policy))
    assert 1 <= pauses[0] <= 2
    assert max(pauses) <= 10
    assert len(set(pauses[:3])) == 3


@pytest.mark.parametrize(("later", "wait"), [("7", 7), ("0", 0), ("soon", 0.5), (None, 0.5), ("33", 33)])
def test_the_server_s_retry_after_is_waited_for(pauses: list[float], later: str | None, wait: float) -> None:
    policy = RetryPolicy(first_pause=0.5, longest_pause=20, jitter=0)
    headers = {} if later is None else {"Retry-After": later}
    fetch(client(Script(httpx.Response(429, headers=headers), good()), retry=policy))
    assert pauses == [wait]


def test_a_retry_after_that_is_a_date_is_waited_for(pauses: list[float]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    fetch(client(Script(httpx.Response(503, headers={"retry-after": date}), good()), retry=RetryPolicy(jitter=0)))
    assert 40 < pauses[0] <= 50


def test_a_retry_after_longer_than_the_policy_allows_is_raised_at_once(pauses: list[float]) -> None:
    script = Script(httpx.Response(429, headers={"retry-after": "3600"}), good())
    with pytest.raises(RateLimitedError, match="Retry-After 3600"):
        fetch(client(script))
    assert (len(script.asked), pauses) == (1, [])


def test_an_answer_that_unpacks_to_more_than_is_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_BODY", 2**20)
    packed = gzip.compress(b'{"items": [' + b" " * 2**21 + b"]}")
    script = Script()

    def handler(request: httpx.Request) -> httpx.Response:
        script.asked.append(request)
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(packed))

    with pytest.raises(ContractError, match="longer than 1 MiB") as caught:
        fetch(client(handler))
    assert (len(script.asked), caught.value.window) == (1, WINDOW)


def test_an_answer_as_long_as_is_allowed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_BODY", len(GOOD))
    assert len(fetch(client(Script(good())))) == 3


def wire(*answers: bytes) -> tuple[Callable[[socket.socket, bytes], None], list[bytes]]:
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
def test_a_cut_or_broken_answer_on_the_wire_is_asked_for_again(cut: bytes) -> None:
    answer, heads = wire(cut, cut, http(GOOD))
    with served(answer) as url:
        assert len(fetch(client(url=url))) == 3
    assert len(heads) == 3
    answer, heads = wire(cut)
    with served(answer) as url, pytest.raises(ConnectionFailedError) as caught:
        fetch(client(url=url))
    assert len(heads) == QUICK.attempts
    assert caught.value.window == WINDOW


def test_a_server_that_is_not_there_is_a_failed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        ConnectionFailedError, match=f"no complete response from http://127.0.0.1:{port}: cannot connect"
    ):
        fetch(client(url=f"http://127.0.0.1:{port}"))


def test_an_answer_that_drips_in_ends_by_the_timeout_though_no_single_wait_is_long() -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http(b"", length=10_000))
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.02)

    began = time.monotonic()
    policy = RetryPolicy(attempts=2, first_pause=0, longest_pause=0, jitter=0)
    with served(drip) as url, pytest.raises(RequestTimeoutError, match=r"within 0\.2 s"):
        fetch(client(url=url, timeout=0.2, retry=policy))
    assert 0.4 <= time.monotonic() - began < 2


def test_a_redirect_is_not_followed_and_the_key_stays_where_it_was_sent() -> None:
    elsewhere, seen = wire(http(GOOD))
    with served(elsewhere) as other:
        answer, heads = wire(http(b"", "302 Found", [f"location: {other}/"]))
        with served(answer) as url, pytest.raises(UnexpectedStatusError, match="redirects are not followed"):
            fetch(client(url=url))
    assert (len(heads), seen) == (1, [])


class Meter:
    """An asynchronous server without HTTP: when each request came, and how many were there at a time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.most = seconds, 0, 0
        self.began: list[float] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.began.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        start = datetime.fromisoformat(request.url.params["start_timestamp"])
        end = datetime.fromisoformat(request.url.params["end_timestamp"])
        return httpx.Response(200, content=page(start, (end - start) // HOUR))


def metered(meter: Meter, markets: int = 1, **options: Any) -> None:
    async def run() -> None:
        made = client(**options)
        made._http = scripted(meter)
        async with made:
            fetches = [
                made.open_interest(MARKET, interval="1h", start=MAY, end=MAY + timedelta(days=90))
                for _ in range(markets)
            ]
            assert {len(series) for series in await asyncio.gather(*fetches)} == {90 * 24}

    asyncio.run(run())


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_requests_are_under_way_than_was_said_over_all_fetches_together(most: int) -> None:
    meter = Meter(0.003)
    metered(meter, markets=3, max_concurrency=most)
    assert meter.most == most
    assert len(meter.began) == 3 * 14


def test_no_more_requests_are_sent_in_a_second_than_was_said() -> None:
    meter = Meter(0)
    metered(meter, max_rate=50)
    assert len(meter.began) == 14
    assert all(after - before > 0.015 for before, after in pairwise(meter.began))
    assert 13 / 50 * 0.95 < meter.began[-1] - meter.began[0] < 2 * 13 / 50


def test_retries_keep_to_the_rate_too() -> None:
    script = Script(httpx.Response(503), httpx.Response(503), httpx.Response(503), good())
    began = time.monotonic()
    fetch(client(script, max_rate=50))
    assert time.monotonic() - began > 3 / 50 * 0.95


def shown(failure: BaseException) -> str:
    """Everything that a traceback with local variables shows, and the error itself."""
    plain = "".join(traceback.TracebackException.from_exception(failure, capture_locals=True).format())
    return f"{plain}{failure!r}{failure}{vars(failure)}"


def hidden_in(text: str) -> bool:
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
def test_a_key_that_a_server_sends_back_is_in_no_error_and_no_traceback(
    answer: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(FetchError) as caught:
        fetch(
            client(Script(answer(HIDDEN[0])), retry=RetryPolicy(attempts=2, first_pause=0, longest_pause=0, jitter=0))
        )
    del answer
    assert hidden_in(shown(from_the_package(caught.value)))
    assert hidden_in(caplog.text)


def from_the_package(failure: BaseException) -> BaseException:
    """Without the frames of the test itself, which holds the server and so its lie."""
    frames: Any = failure.__traceback__
    while "allium_market_data" not in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    return failure.with_traceback(frames)


def test_no_traceback_over_a_real_socket_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer, heads = wire(http(b"", length=5))
    with served(answer) as url, pytest.raises(ConnectionFailedError) as caught:
        fetch(client(url=url))
    assert SECRET.encode() in heads[0]
    failure: BaseException | None = caught.value
    assert (failure.__cause__, failure.__context__) == (None, None) if failure else False
    assert hidden_in(shown(from_the_package(caught.value)))
    assert hidden_in(caplog.text)


def test_a_cancelled_fetch_does_not_show_the_key_either() -> None:
    stalled = threading.Event()

    def stall(connection: socket.socket, _: bytes) -> None:
        stalled.set()
        connection.recv(1)

    async def run(url: str) -> None:
        async with client(url=url) as asked:
            async with asyncio.timeout(0.2):
                await asked.open_interest(MARKET, interval="1h", start=MAY, end=MAY + HOUR)

    with served(stall) as url, pytest.raises(TimeoutError) as caught:
        asyncio.run(run(url))
    assert stalled.is_set()
    text = shown(caught.value)
    assert "CancelledError" in text
    assert hidden_in(text)


def test_a_row_that_happens_to_hold_the_text_of_a_short_key_is_left_as_it_is() -> None:
    made = AsyncMarketData("5", "https://api.example")
    made._http = scripted(Script(good()))
    assert [row.oi_base.as_tuple().digits for row in fetch(made)] == [(1, 5, 0), (2, 5, 0), (3, 5, 0)]


def test_a_client_that_is_closed_during_a_fetch_says_so() -> None:
    async def run() -> None:
        asked = client()

        async def closing(_: httpx.Request) -> httpx.Response:
            await asked.aclose()
            return httpx.Response(503)

        asked._http = scripted(closing)
        await asked.open_interest(MARKET, interval="1h", start=MAY, end=MAY + HOUR)

    with pytest.raises(UsageError, match="the client was closed while a fetch was under way"):
        asyncio.run(run())


def test_a_closed_client_has_no_connection_open_and_connects_anew() -> None:
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
            assert not ended.acquire(timeout=0.02)
            await asked.aclose()
            assert await asyncio.to_thread(ended.acquire, timeout=5)
        await asked.aclose()

    with served(keep_open) as url:
        asyncio.run(run(url))
    assert len(heads) == 2

"""Sends requests to the server under test: politely, within a budget, each one once.

*Polite*: at most ``rate`` requests a second; 429, and 503 with Retry-After, are waited for and not counted; every 429 makes
the requests after it slower. A 5xx and a broken connection are tried once more: `Requester.troubles` counts them, and they
fail a test only if they come back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data_wire.contract import Operation

from .clock import Clock
from .outcomes import not_asked
from .request import MOST, Request, Server, Window
from .response import Page, Response

REQUEST_BUDGET: Final = 150
"""How many requests a whole run may send, without those that are waited for or tried once more."""
TIMEOUT: Final = 30.0
_MOST_WAITS: Final = 8
"""How often one request is sent again because the server asked to wait."""
_LONGEST_WAIT: Final = 120.0
_DEFAULT_WAIT: Final = 2.0
_MOST_RETRIES: Final = 30
"""How many 5xx and broken connections of a run are tried once more: more of them are no accident."""
_SLOWEST: Final = 2.0


class Requester:
    """Sends requests and caches the responses: the same request is sent once unless ``resend`` is set."""

    def __init__(
        self,
        server: Server,
        client: httpx.Client,
        clock: Clock,
        rate: float | None = None,
        concurrent_client: Callable[[], httpx.AsyncClient] = httpx.AsyncClient,
    ) -> None:
        self._server = server
        self._key = ApiKey(server.api_key)
        self._client = client
        self._concurrent_client = concurrent_client
        self._clock = clock
        self._spacing = 1 / rate if rate else 0.0
        self._next = clock.time()
        self._responses: dict[Request, Response] = {}
        self._pages: dict[int, Page] = {}
        self.request_count = 0
        self.waits: Counter[int] = Counter()
        """How often a status asked to wait."""
        self.waited = 0.0
        """Seconds spent waiting for the server."""
        self.troubles: Counter[str] = Counter()
        """Answers with a 5xx and broken connections, by status or error, whether or not they came back."""
        self.retries = 0
        """How many of those were tried once more."""

    @property
    def operation(self) -> Operation:
        """The operation under test."""
        return self._server.operation

    @property
    def market(self) -> str:
        """The market under test."""
        return self._server.market

    @property
    def pages(self) -> list[Page]:
        """The responses to valid requests so far."""
        return list(self._pages.values())

    @property
    def responses(self) -> list[Response]:
        """The latest response to each request so far."""
        return list(self._responses.values())

    def known(self) -> dict[Request, Page]:
        """The pages with rows so far, by their request; pages that cannot be read are left out."""
        pages = {request: self._pages.get(id(response)) for request, response in self._responses.items()}
        return {request: page for request, page in pages.items() if page is not None and page.is_readable and page.rows}

    def send(self, request: Request, resend: bool = False) -> Response:
        """The response to ``request``, whatever its status."""
        if resend or request not in self._responses:
            self._count(request)
            self._responses[request] = self._send(request)
        return self._responses[request]

    def fetch(self, request: Request, window: Window, resend: bool = False) -> Page:
        """The page for a valid request, which means ``window``. Raises `AssertionError` unless the status is 200."""
        response = self.send(request, resend)
        assert response.status == 200, f"expected 200, got {response}\n{response.curl}"
        if id(response) not in self._pages:
            self._pages[id(response)] = self._page(request, response, window)
        return self._pages[id(response)]

    def fetch_window(self, window: Window, limit: int | str | None = MOST, resend: bool = False) -> Page:
        """The page for ``window``."""
        return self.fetch(window.request(limit), window, resend)

    def fetch_or_error(self, request: Request, window: Window) -> Page | None:
        """The page for a request that a server may accept or reject: None for a 4xx without items."""
        response = self.send(request)
        if response.status == 200:
            return self.fetch(request, window)
        self.expect_error(request)
        return None

    def expect_error(self, request: Request, statuses: range | tuple[int, ...] = range(400, 500)) -> Response:
        """The error response to an invalid request. Raises `AssertionError` for other statuses, and for items in it."""
        response = self.send(request)
        expected = "4xx" if isinstance(statuses, range) else " or ".join(map(str, statuses))
        assert response.status in statuses, f"expected an error ({expected}), got {response}\n{response.curl}"
        items = f'"{self.operation.items_field}"'.encode()
        assert items not in response.body, f"an error response with items: {response}\n{response.curl}"
        return response

    def send_together(self, requests: Sequence[Request]) -> list[Response]:
        """The responses to requests that are sent at the same time. One that gets no answer then is sent again alone."""

        async def send_all() -> list[httpx.Response | BaseException]:
            async with self._concurrent_client() as client:  # all at once, whatever the rate: the pause follows
                tasks = [client.get(self._url(request), headers=self._server.headers(request)) for request in requests]
                return await asyncio.gather(*tasks, return_exceptions=True)

        for request in requests:
            self._count(request)
        self._next = self._clock.time() + len(requests) * self._spacing
        responses = []
        for request, answer in zip(requests, asyncio.run(send_all()), strict=True):
            is_answer = isinstance(answer, httpx.Response) and answer.status_code < 500 and answer.status_code != 429
            responses.append(self._to_response(request, answer) if is_answer else self._send(request))  # type: ignore[arg-type]
        return responses

    def _page(self, request: Request, response: Response, window: Window) -> Page:
        limit = dict(request.parameters).get("limit") or self.operation.limit_default
        market = self.market if request.market is None else request.market
        most = self.operation.limit_maximum if limit == MOST else int(limit)
        return Page(response, self.operation, market, window.width, window.start, window.end, most)

    def _send(self, request: Request) -> Response:
        """One response: after the waits that the server asks for, and after one more try if the first one broke."""
        response = self._send_patiently(request)
        if isinstance(response, Response) and response.status < 500:
            return response
        self.troubles[str(response.status) if isinstance(response, Response) else response.partition(":")[0]] += 1
        if self.retries < _MOST_RETRIES:
            self.retries += 1
            response = self._send_patiently(request)
        if isinstance(response, Response):
            return response
        # Raised here because the frames of the HTTP library hold the headers, and pytest may print local variables.
        raise AssertionError(f"no response ({response})\n{self._server.curl(request)}")

    def _send_patiently(self, request: Request) -> Response | str:
        """One response, or what is wrong with the connection."""
        response = self._send_once(request)
        for _ in range(_MOST_WAITS):
            if isinstance(response, str) or not _asks_to_wait(response):
                return response
            seconds = seconds_to_wait(response)
            self.waits[response.status] += 1
            self.waited += seconds
            self._spacing = min(max(2 * self._spacing, 0.05), _SLOWEST)
            self._clock.sleep(seconds)
            response = self._send_once(request)
        if isinstance(response, Response) and response.status == 429:
            not_asked(f"the server keeps answering 429 (too many requests): use a lower --rate\n{response.curl}")
        return response

    def _count(self, request: Request) -> None:
        if self.request_count >= REQUEST_BUDGET:
            not_asked(f"the budget of {REQUEST_BUDGET} requests is used up\n{self._server.curl(request)}")
        self.request_count += 1

    def _send_once(self, request: Request) -> Response | str:
        self._clock.sleep(max(self._next - self._clock.time(), 0.0))
        self._next = self._clock.time() + self._spacing
        try:
            answer = self._client.get(self._url(request), headers=self._server.headers(request))
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {self._key.redact(str(error))}"
        return self._to_response(request, answer)

    def _url(self, request: Request) -> httpx.URL:
        url = httpx.URL(self._server.base_url)
        prefix = url.raw_path.rstrip(b"/")
        return url.copy_with(raw_path=prefix + request.target(self.operation, self.market).encode("ascii"))

    def _to_response(self, request: Request, answer: httpx.Response) -> Response:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content, self._server.curl(request))


def _asks_to_wait(response: Response) -> bool:
    return response.status == 429 or (response.status == 503 and "retry-after" in response.headers)


def seconds_to_wait(response: Response) -> float:
    """What Retry-After says, in seconds or as a date, at most two minutes; 2 seconds where it says nothing readable."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text), _LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError, TypeError):
        return _DEFAULT_WAIT
    return min(max(wait / timedelta(seconds=1), 0.0), _LONGEST_WAIT)

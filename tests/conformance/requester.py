"""Sends requests to the server under test: within a budget, each one once, with the key kept out of every message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data.model.intervals import INTERVALS

from . import times
from .request import Request, Server, Window
from .response import Page, Response

REQUEST_BUDGET: Final = 150
"""How many requests a whole run may send."""
TIMEOUT: Final = 30.0
_RETRIES_AFTER_429: Final = 3
_LONGEST_WAIT: Final = 30.0


class RequestBudgetError(AssertionError):
    """The run has used its request budget."""


class Requester:
    """Sends requests and caches the responses: the same request is sent once unless ``resend`` is set."""

    def __init__(self, server: Server, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._server = server
        self._key = ApiKey(server.api_key)
        self._client = client
        self._sleep = sleep
        self._responses: dict[Request, Response] = {}
        self._pages: dict[int, Page] = {}
        self.request_count = 0

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

    def send(self, request: Request, resend: bool = False) -> Response:
        """The response to ``request``, whatever its status."""
        if resend or request not in self._responses:
            self._responses[request] = self._send(request)
        return self._responses[request]

    def fetch(self, request: Request, window: Window | None = None, resend: bool = False) -> Page:
        """The page for a valid request. Raises `AssertionError` unless the status is 200.

        ``window`` is what the request means. It is needed where the request is not spelled in the plain way.
        """
        response = self.send(request, resend)
        assert response.status == 200, f"expected 200, got {response}\n{response.curl}"
        if id(response) not in self._pages:
            self._pages[id(response)] = self._page(request, response, window)
        return self._pages[id(response)]

    def fetch_window(self, window: Window, limit: int | None = 5000, resend: bool = False) -> Page:
        """The page for ``window``."""
        return self.fetch(window.request(limit), window, resend)

    def expect_error(self, request: Request, statuses: range | tuple[int, ...] = range(400, 500)) -> Response:
        """The error response to an invalid request. Raises `AssertionError` for other statuses, and for items in it."""
        response = self.send(request)
        expected = "4xx" if isinstance(statuses, range) else " or ".join(map(str, statuses))
        assert response.status in statuses, f"expected an error ({expected}), got {response}\n{response.curl}"
        assert b'"items"' not in response.body, f"an error response with items: {response}\n{response.curl}"
        return response

    def _page(self, request: Request, response: Response, window: Window | None) -> Page:
        parameters = dict(request.parameters)
        if window is None:
            start, end = (times.parse(parameters[name]) for name in ("start_timestamp", "end_timestamp"))
            interval = next(interval for interval in INTERVALS if interval == parameters["interval"])
            window = Window(interval, start, end)
        market = self.market if request.market is None else request.market
        return Page(response, market, window.width, window.start, window.end, int(parameters.get("limit", 500)))

    def _send(self, request: Request) -> Response:
        """One response. After 429 it waits as long as Retry-After says, and sends the request again."""
        response = self._send_once(request)
        for _ in range(_RETRIES_AFTER_429):
            if response.status != 429:
                break
            self._sleep(_seconds_to_wait(response))
            response = self._send_once(request)
        assert response.status != 429, f"the server keeps answering 429 (too many requests)\n{response.curl}"
        return response

    def _send_once(self, request: Request) -> Response:
        curl = self._server.curl(request)
        if self.request_count >= REQUEST_BUDGET:
            raise RequestBudgetError(f"the budget of {REQUEST_BUDGET} requests is used up; not sent:\n{curl}")
        self.request_count += 1
        url = httpx.URL(self._server.base_url)
        prefix = url.raw_path.rstrip(b"/")
        url = url.copy_with(raw_path=prefix + request.target(self.market).encode("ascii"))
        try:
            response = self._client.get(url, headers=self._server.headers(request))
        except httpx.HTTPError as error:
            problem = f"no response ({type(error).__name__}: {self._key.redact(str(error))})\n{curl}"
        else:
            headers = {name.lower(): self._key.redact(value) for name, value in response.headers.items()}
            return Response(response.status_code, headers, self._key.redact_bytes(response.content), curl)
        # Raised here because the frames of the HTTP library hold the headers, and pytest may print local variables.
        raise AssertionError(problem)


def _seconds_to_wait(response: Response) -> float:
    seconds = response.headers.get("retry-after", "")
    return min(float(seconds), _LONGEST_WAIT) if seconds.isdecimal() else 2.0

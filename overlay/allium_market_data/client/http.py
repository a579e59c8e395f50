"""HTTP: sends one GET and yields the parts of the response. The only module that knows the HTTP library, aiohttp.

For large responses aiohttp costs a third of what httpx costs. Time limits, retries, redirects and the size of a response
are decided elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from ..errors import UsageError
from .tls import context

BUFFER = 2 * 2**20
"""Bytes that a connection reads ahead: the size of the largest usual response, so that reading is seldom paused."""


class BrokenError(Exception):
    """There is no connection, or it broke. The message may contain what was sent."""


class UntrustedError(BrokenError):
    """The server's certificate is not trusted, so nothing was sent. The message says why."""


class Response(Protocol):
    """A response whose head has arrived."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers. Lookups ignore the case of names."""

    def parts(self) -> AsyncIterator[bytes]:
        """The body as it arrives, still compressed. Raises ``BrokenError``."""

    async def close(self) -> None:
        """Release the connection. It is kept if the body was read to its end, and closed otherwise."""


class Connections(Protocol):
    """Sends requests."""

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> Response:
        """Send one GET, once. Raises ``BrokenError``. ``headers`` is a function so that no frame here holds the key."""

    async def close(self) -> None:
        """Close every connection."""


def normalize_url(url: str) -> str:
    """A base URL in ASCII, as requests carry it. Raises ``UsageError`` if its host can be read in two ways."""
    try:
        read = URL(url)
        if (read.host_subcomponent or "") != URL(str(read), encoded=True).host_subcomponent or not read.host:
            raise ValueError("its host can be read in two ways")
    except (ValueError, TypeError) as error:
        raise UsageError(f"base_url is not a URL: {error}") from None
    return str(read).rstrip("/")


class Pool:
    """At most ``limit`` connections at a time, kept open between requests. Certificates are verified, see `tls`."""

    def __init__(self, limit: int, *, is_secure: bool, trust_env: bool) -> None:
        self._limit, self._trust_env = limit, trust_env
        # loading the certificates takes as long as ten responses, and plain HTTP needs none
        self._tls = context() if is_secure else None
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        """The session, created at the first request, because it belongs to the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # `body` decompresses, within limits
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                read_bufsize=BUFFER,
                trust_env=False,  # it would send passwords of a netrc; proxies are looked up below
                skip_auto_headers=("accept-encoding", "user-agent", "accept", "content-type"),
            )
            self._session._retry_connection = False  # retries are the transport's
        return self._session

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> Response:
        """Send one GET, once. Raises ``BrokenError``."""
        try:
            target = URL(url, encoded=True)
            proxy = _proxy(target) if self._trust_env else None
            response = await self._opened().get(target, headers=headers(), allow_redirects=False, proxy=proxy)
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error) from None
        return _Response(response)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _proxy(url: URL) -> str | None:
    """The proxy that the environment sets for a URL, or None."""
    return None if proxy_bypass(url.host or "") else getproxies().get(url.scheme)


@dataclass(frozen=True, slots=True)
class _Response:
    response: aiohttp.ClientResponse

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.response.content.iter_any():
                yield part
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error) from None

    async def close(self) -> None:
        self.response.close()


def _broken(error: Exception) -> BrokenError:
    """The error of the HTTP library with a message for the user."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return UntrustedError(getattr(reason, "verify_message", None) or str(reason))
    for kind, message in MESSAGES:
        if isinstance(error, kind):
            return BrokenError(message(error))
    return BrokenError(str(error) or type(error).__name__)


def _system(error: OSError) -> str:
    """The operating system's message, which says more than the event loop's."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


MESSAGES: Final[tuple[tuple[type[Exception], Callable[[Any], str]], ...]] = (
    (aiohttp.ClientConnectorDNSError, lambda _: "no such host"),
    (aiohttp.ClientConnectorError, lambda e: f"cannot connect: {_system(e.os_error)}"),
    (aiohttp.ServerDisconnectedError, lambda _: "it closed the connection without a response"),
    (aiohttp.ClientPayloadError, lambda _: "it closed the connection in the middle of its response"),
    (aiohttp.ClientResponseError, lambda e: f"it did not send valid HTTP: {e.message}"),
    (aiohttp.ClientOSError, _system),
)

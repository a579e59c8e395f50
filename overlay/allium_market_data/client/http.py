"""Connections: one GET out, the parts of one answer in. The only module that knows the HTTP library, which is aiohttp.

It costs a third of what httpx does for large answers. Time limits, retries, redirects and the size of an answer are not
decided here.
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
"""Bytes that a connection reads ahead: a whole honest answer, so that reading is seldom paused."""


class BrokenError(Exception):
    """No connection, or one that broke; the message is the HTTP library's, and may hold what was sent."""


class UntrustedError(BrokenError):
    """The server's certificate is not one to trust, so nothing was sent; the message says why."""


class Response(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, whose names may be looked up in any case."""

    def parts(self) -> AsyncIterator[bytes]:
        """Its body as it comes, packed as it was sent. Raises ``BrokenError``."""

    async def close(self) -> None:
        """Done with it. A body that was read to its end gives its connection back; any other connection is closed."""


class Connections(Protocol):
    """What can ask a server."""

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> Response:
        """Send one GET, once. Raises ``BrokenError``. ``headers`` is a function so that no frame here holds the key."""

    async def close(self) -> None:
        """Close every connection."""


def normalize_url(url: str) -> str:
    """A base URL as a request line carries it: in ASCII. Raises ``UsageError`` for what the HTTP library reads otherwise."""
    try:
        read = URL(url)
        if (read.host_subcomponent or "") != URL(str(read), encoded=True).host_subcomponent or not read.host:
            raise ValueError("its host can be read in two ways")
    except (ValueError, TypeError) as error:
        raise UsageError(f"base_url is no URL: {error}") from None
    return str(read).rstrip("/")


class Pool:
    """At most ``limit`` connections at a time, kept open between requests; certificates are verified as `trust` says."""

    def __init__(self, limit: int, *, is_secure: bool, trust_env: bool) -> None:
        self._limit, self._trust_env = limit, trust_env
        # reading the certificates takes as long as ten answers, and without TLS there is nothing to verify
        self._tls = context() if is_secure else None
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made at the first request: it belongs to the loop that it is made on."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # the size of what is unpacked must be watched
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                read_bufsize=BUFFER,
                trust_env=False,  # it would send what a netrc holds for other programs; proxies are looked up here
                skip_auto_headers=("accept-encoding", "user-agent", "accept", "content-type"),
            )
            self._session._retry_connection = False  # a request is repeated where the policy is known, and counted
        return self._session

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> Response:
        """Send one GET, once. Raises ``BrokenError``."""
        try:
            target = URL(url, encoded=True)
            proxy = _proxy(target) if self._trust_env else None
            answer = await self._opened().get(target, headers=headers(), allow_redirects=False, proxy=proxy)
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error) from None
        return _Response(answer)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for an address, if any."""
    return None if proxy_bypass(url.host or "") else getproxies().get(url.scheme)


@dataclass(frozen=True, slots=True)
class _Response:
    answer: aiohttp.ClientResponse

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.answer.content.iter_any():
                yield part
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error) from None

    async def close(self) -> None:
        self.answer.close()


def _broken(error: Exception) -> BrokenError:
    """What went wrong, in words that say what to look at."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return UntrustedError(getattr(reason, "verify_message", None) or str(reason))
    for kind, words in WORDS:
        if isinstance(error, kind):
            return BrokenError(words(error))
    return BrokenError(str(error) or type(error).__name__)


def _system(error: OSError) -> str:
    """The system's words for an error, not the event loop's, which say less."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


WORDS: Final[tuple[tuple[type[Exception], Callable[[Any], str]], ...]] = (
    (aiohttp.ClientConnectorDNSError, lambda _: "no such host"),
    (aiohttp.ClientConnectorError, lambda e: f"cannot connect: {_system(e.os_error)}"),
    (aiohttp.ServerDisconnectedError, lambda _: "it closed the connection without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "it closed the connection in the middle of its answer"),
    (aiohttp.ClientResponseError, lambda e: f"what it sent is no HTTP: {e.message}"),
    (aiohttp.ClientOSError, _system),
)

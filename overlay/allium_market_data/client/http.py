"""HTTP: sends one GET and yields the parts of the response. The only module that knows the HTTP library, aiohttp.

For large responses aiohttp costs a third of what httpx costs. Time limits, retries, redirects and the size of a response
are decided elsewhere.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from ..errors import FetchError, ProxyError, UsageError
from .error_response import contract_error
from .proxy import Proxy, find_proxy
from .tls import context

BUFFER = 2 * 2**20
"""Bytes that a connection reads ahead: the size of the largest usual response, so that reading is seldom paused."""

MAX_HEADER: Final = 2**15
"""How many bytes a header of a response may have. Proxies and CDNs add some that are longer than aiohttp's own limit."""

MAX_HEADERS: Final = 512
"""How many headers a response may have."""

_LIMITS: Final[dict[str, Any]] = {
    "max_line_size": MAX_HEADER,
    "max_field_size": MAX_HEADER,
    "max_headers": MAX_HEADERS,  # older versions of aiohttp have no such limit
}


_SESSION_OPTIONS: Final = inspect.signature(aiohttp.ClientSession).parameters


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
                **{name: limit for name, limit in _LIMITS.items() if name in _SESSION_OPTIONS},
            )
            self._session._retry_connection = False  # retries are the transport's
        return self._session

    async def get(self, url: str, headers: Callable[[], Mapping[str, str]]) -> Response:
        """Send one GET, once. Raises ``BrokenError``; ``UsageError`` for a proxy that cannot be used; and ``FetchError``
        where repeating the request would not help.
        """
        target = URL(url, encoded=True)
        proxy = find_proxy(target) if self._trust_env else None
        if isinstance(proxy, str):
            raise UsageError(proxy)
        # a proxy for https gets its own request, with its own headers; one for http gets the request itself
        added = proxy.headers if proxy and target.scheme == "http" else {}
        try:
            response = await self._opened().get(
                target,
                headers={**headers(), **added},
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
                proxy_headers=proxy.headers if proxy else None,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _through(proxy, error) if proxy else _broken(error) from None
        return _Response(response)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


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


def _through(proxy: Proxy, error: Exception) -> BrokenError | FetchError:
    """The error of the HTTP library for a request through a proxy."""
    match error:
        case aiohttp.ClientHttpProxyError(status=407):
            return ProxyError(
                f"the proxy {proxy} wants a user and a password (407), or others: set them in HTTPS_PROXY"
            )
        case aiohttp.ClientHttpProxyError(status=status) if 400 <= status < 500:
            return ProxyError(f"the proxy {proxy} refused to connect ({status})")
        case aiohttp.ClientHttpProxyError(status=status):
            return BrokenError(f"the proxy {proxy} answered {status}")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientConnectorDNSError():
            return BrokenError(f"the proxy {proxy}: {_broken(error)}")
    failure = _broken(error)
    if type(failure) is BrokenError:
        return BrokenError(f"{failure} (through the proxy {proxy})")
    return failure


def _broken(error: Exception) -> BrokenError | FetchError:
    """The error of the HTTP library with a message for the user."""
    if _is_too_large(error):
        return contract_error(f"it has more than {MAX_HEADERS} headers, or one longer than {MAX_HEADER // 2**10} KiB")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return UntrustedError(getattr(reason, "verify_message", None) or str(reason))
    for kind, message in MESSAGES:
        if isinstance(error, kind):
            return BrokenError(message(error))
    return BrokenError(str(error) or type(error).__name__)


def _is_too_large(error: BaseException | None) -> bool:
    """True if the headers of a response were over a limit."""
    while error is not None:
        if isinstance(error, LineTooLong) or "Too many headers" in str(error):
            return True
        error = error.__cause__
    return False


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

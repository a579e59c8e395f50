"""Connections: aiohttp beneath httpx's interface, which costs a third of what httpx's own pool does for large answers.

httpx stays what the rest of the package sees (requests, answers, errors, unpacking), so tests and recordings may put any
other httpx transport in this one's place. Time limits, retries and redirects are not decided here.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

BUFFER = 2 * 2**20
"""Bytes that a connection reads ahead: a whole honest answer, so that reading is seldom paused."""


class UntrustedError(httpx.ConnectError):
    """The server's certificate is not one to trust; the message says why."""


class Pool(httpx.AsyncBaseTransport):
    """At most ``connections`` connections at a time, verified as ``tls`` says, or as aiohttp does, kept open between requests."""

    def __init__(self, connections: int, *, trust_env: bool, tls: ssl.SSLContext | None) -> None:
        self._connections, self._trust_env, self._tls = connections, trust_env, tls
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made at the first request: it belongs to the loop that it is made on."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # httpx unpacks, and the size of what it unpacks is watched
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                read_bufsize=BUFFER,
                trust_env=False,  # it would send what a netrc holds for other programs; proxies are looked up here
                skip_auto_headers=("accept-encoding", "user-agent", "accept", "content-type"),
            )
            self._session._retry_connection = False  # a request is repeated where the policy is known, and counted
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read as it is wanted. Raises httpx's own errors."""
        url = URL(str(request.url), encoded=True)
        try:
            answer = await self._opened().request(
                request.method,
                url,
                headers=request.headers.multi_items(),
                data=request.content or None,
                allow_redirects=False,
                proxy=_proxy(url) if self._trust_env else None,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _as_httpx(error) from None
        return httpx.Response(
            status_code=answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for an address, if any."""
    return None if proxy_bypass(url.host or "") else getproxies().get(url.scheme)


class _Body(httpx.AsyncByteStream):
    """The body of an answer, part by part. A body that was read to its end gives its connection back."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.content.iter_any():
                yield part
        except (aiohttp.ClientError, OSError) as error:
            raise _as_httpx(error) from None

    async def aclose(self) -> None:
        self._answer.close()


def _as_httpx(error: aiohttp.ClientError | OSError) -> httpx.HTTPError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return UntrustedError(getattr(reason, "verify_message", None) or str(reason))
    said = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(said)
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError):
        return httpx.RemoteProtocolError(said)
    return httpx.ReadError(said)

"""Read a page from a file or an http(s) address, without following redirects."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import SpecError

if TYPE_CHECKING:
    import httpx

TIMEOUT: Final = 30.0
"""Maximum duration of a download, in seconds."""

SIZE_LIMIT: Final = 8 * 1024 * 1024
"""Maximum size of a page or document, in bytes."""


def is_url(source: str) -> bool:
    """True if a source is an address, not a file name."""
    return "://" in source


def fetch(
    source: str,
    *,
    timeout: float = TIMEOUT,
    size_limit: int = SIZE_LIMIT,
    transport: httpx.BaseTransport | None = None,
) -> bytes:
    """The bytes of a file, or of a page at an http(s) address.

    Raises `SpecError` for a missing file, a status other than 200 (redirects included), a download that is too large or
    too slow, and a broken connection. ``transport`` replaces the network in tests.
    """
    if not is_url(source):
        return _from_file(source, size_limit)
    if not source.lower().startswith(("http://", "https://")):
        raise SpecError(source, "only http and https addresses are read")
    return _from_address(source, timeout, size_limit, transport)


def _from_file(source: str, size_limit: int) -> bytes:
    try:
        with Path(source).open("rb") as file:
            data = file.read(size_limit + 1)
    except OSError as problem:
        raise SpecError(source, f"cannot be read: {problem.strerror or problem}") from None
    _check_size(source, len(data), size_limit)
    return data


def _check_size(source: str, size: int, size_limit: int) -> None:
    if size > size_limit:
        raise SpecError(source, f"larger than {size_limit} bytes")


def _from_address(source: str, timeout: float, size_limit: int, transport: httpx.BaseTransport | None) -> bytes:
    import httpx

    headers = {"accept": "text/markdown, text/plain, application/yaml, application/json;q=0.9, */*;q=0.1"}
    deadline = time.monotonic() + timeout
    data = bytearray()
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, headers=headers, transport=transport) as client,
            client.stream("GET", source) as response,
        ):
            _check_status(source, response)
            for chunk in response.iter_bytes():
                data += chunk
                _check_size(source, len(data), size_limit)
                if time.monotonic() > deadline:
                    raise SpecError(source, f"took longer than {timeout:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as problem:
        raise SpecError(source, f"cannot be fetched: {str(problem) or type(problem).__name__}") from None
    return bytes(data)


def _check_status(source: str, response: httpx.Response) -> None:
    if response.has_redirect_location:
        target = response.headers["location"]
        raise SpecError(source, f"moved to {target} (status {response.status_code}); pass that address if you trust it")
    if response.status_code != 200:
        raise SpecError(source, f"answered with status {response.status_code}, not 200")

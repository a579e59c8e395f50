"""What a client is told once: where to ask, with which key, how fast and how patiently. Checked before anything is asked."""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import UsageError
from .retry import RetryPolicy

SERVER = "https://api.allium.so"
"""The server that the specification names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. The key is held in a closure, so that no ``repr`` and no dump of attributes shows it."""

    key: Callable[[], str]
    base_url: str
    timeout: float
    max_concurrency: int
    max_rate: float | None
    retry: RetryPolicy

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine itself."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


def settings(
    api_key: str | None,
    base_url: str | None,
    timeout: float,
    max_concurrency: int,
    max_rate: float | None,
    retry: RetryPolicy | None,
    allow_insecure: bool,
) -> Settings:
    """Settings from what a caller said and the environment. Raises ``UsageError``, which never shows the key."""
    if not _number(timeout) or timeout <= 0:
        raise UsageError(f"timeout must be a number of seconds above 0, not {timeout!r:.80}")
    if not isinstance(max_concurrency, int) or isinstance(max_concurrency, bool) or max_concurrency < 1:
        raise UsageError(f"max_concurrency must be a whole number above 0, not {max_concurrency!r:.80}")
    if max_rate is not None and (not _number(max_rate) or max_rate <= 0):
        raise UsageError(f"max_rate must be a number of requests a second above 0, or None, not {max_rate!r:.80}")
    url = _url(base_url or os.environ.get("ALLIUM_BASE_URL") or SERVER, allow_insecure)
    return Settings(_key(api_key), url, float(timeout), max_concurrency, max_rate, retry or RetryPolicy())


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _key(given: str | None) -> Callable[[], str]:
    """The key behind a call, which complains only when a request needs a key and there is none."""
    key = (os.environ.get("ALLIUM_API_KEY", "") if given is None else given).strip()
    if not isinstance(given, (str, type(None))) or not (key.isascii() and key.isprintable()):
        raise UsageError("the API key must be text of printable ASCII characters")

    def give() -> str:
        if not key:
            raise UsageError("there is no API key: pass api_key, or set ALLIUM_API_KEY")
        return key

    return give


def _url(url: str, allow_insecure: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except (AttributeError, ValueError):
        raise UsageError(f"base_url is no URL: {url!r:.80}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"base_url must be like https://host[:port], not {url!r:.80}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("base_url must carry no user, password, query or fragment")
    if parts.scheme == "http" and not (_is_loopback(host) or allow_insecure):
        raise UsageError(f"base_url {url!r:.80} would send the API key in the clear: use https, or allow_insecure=True")
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

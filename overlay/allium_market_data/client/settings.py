"""The settings of a client, checked before the first request."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from allium_market_data_wire.contract import SERVER

from ..errors import UsageError
from .api_key import ApiKey
from .retry import RetryPolicy

ORIGIN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@\\%]+)(:[0-9]+)?")
"""A host and perhaps a port, which every URL parser splits in the same way."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings."""

    key: ApiKey
    base_url: str
    timeout: float
    max_concurrency: int
    max_rate: float | None
    retry: RetryPolicy

    @property
    def is_secure(self) -> bool:
        """True if connections are encrypted and the server's certificate is verified."""
        return urlsplit(self.base_url).scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """True if the server is this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


def check_settings(
    key: ApiKey,
    base_url: str | None,
    timeout: float,
    max_concurrency: int,
    max_rate: float | None,
    retry: RetryPolicy | None,
    allow_insecure: bool,
) -> Settings:
    """Settings from arguments and the environment. Raises ``UsageError``, which never shows the key."""
    if key.problem:
        raise UsageError(key.problem)
    if not is_positive(timeout):
        raise UsageError(f"timeout must be a number of seconds above 0, not {timeout!r:.80}")
    if not isinstance(max_concurrency, int) or isinstance(max_concurrency, bool) or max_concurrency < 1:
        raise UsageError(f"max_concurrency must be a whole number above 0, not {max_concurrency!r:.80}")
    if max_rate is not None and not is_positive(max_rate):
        raise UsageError(f"max_rate must be a number of requests a second above 0, or None, not {max_rate!r:.80}")
    if not isinstance(retry, RetryPolicy | None):
        raise UsageError(f"retry must be a RetryPolicy, not {retry!r:.80}")
    url = _url(os.environ.get("ALLIUM_BASE_URL") or SERVER if base_url is None else base_url, allow_insecure)
    return Settings(key, url, float(timeout), max_concurrency, max_rate, retry or RetryPolicy())


def is_positive(value: object) -> bool:
    """True for a number above 0 that is finite and whose inverse is finite."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return value > 0 and math.isfinite(value) and math.isfinite(1 / value)
    except OverflowError:
        return False


def _url(url: str, allow_insecure: bool) -> str:
    """The URL, checked. No message shows it: it may be the key, passed in the wrong place."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except (AttributeError, TypeError, ValueError):
        raise UsageError("base_url must be like https://host[:port]") from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url.strip():
        raise UsageError("base_url must be like https://host[:port]")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError("base_url must not have a user, password, query or fragment")
    if not ORIGIN.fullmatch(parts.netloc):  # URL parsers must agree on the host
        raise UsageError("base_url must be like https://host[:port]")
    if parts.scheme == "http" and not (_is_loopback(host) or allow_insecure):
        raise UsageError(f"http://{host} would send the API key in the clear: use https, or allow_insecure=True")
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

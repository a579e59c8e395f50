"""The proxy that the environment sets for a request. No message shows its password, or any other part of its address."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

FORM: Final = "http://[user:password@]host:port"
ESCAPE: Final = "escape special characters of the password, such as %2F for /"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address without user and password, and the headers that give it these two."""

    url: URL
    headers: dict[str, str] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.url.host}:{self.url.port}"


def find_proxy(url: URL) -> Proxy | str | None:
    """The proxy for a URL, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; None without one.

    A text says why the proxy cannot be used. It is returned, not raised, so that no frame of a traceback has the password.
    """
    if proxy_bypass(url.host or ""):
        return None
    setting = getproxies().get(url.scheme)
    if not setting:
        return None
    proxy = parse_proxy(setting)
    return f"{url.scheme.upper()}_PROXY cannot be used: {proxy}" if isinstance(proxy, str) else proxy


def parse_proxy(setting: str) -> Proxy | str:
    """The proxy of a setting, or why there is none."""
    try:
        parts = urlsplit(setting.strip())
        if problem := _problem(setting.strip(), parts):
            return problem
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        url = URL(f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}")
    except ValueError:
        return f"it is not an address like {FORM}; {ESCAPE}"
    if parts.username is None:
        return Proxy(url, {})
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(url, {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"})


def _problem(setting: str, parts: SplitResult) -> str:
    """Why a setting is no proxy; "" if nothing is known against it. Raises ``ValueError`` for a port that is no port."""
    if parts.scheme.startswith("socks"):
        return f"SOCKS proxies are not supported; name an HTTP proxy, {FORM}"
    if parts.scheme not in ("http", "https") or not setting.isprintable() or " " in setting:
        return f"it must be like {FORM}"
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return f"something follows its port, or {ESCAPE}"
    if not parts.hostname or parts.port == 0:
        return f"it must have a host and a port, like {FORM}"
    if ":" in unquote(parts.username or ""):
        return "its user has a colon"
    return ""

"""Shared by all tests: only loopback is reachable, and one sandbox is served."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from allium_market_data.sandbox.synthetic import END
from support import budget
from support.serving import Sandbox

pytest_plugins = ["support.speed"]
budget.register()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it runs in the background ignore Ctrl-C. The programs that tests start and interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SETTINGS = {
    "PYTHONUNBUFFERED",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TTY_COMPATIBLE",
}
"""Variables of the environment that change what a command prints."""

PREFIXES = ("ALLIUM_", "SSL_CERT_", "AWS_", "AZURE_", "GOOGLE_")
"""How the names of variables begin that change to what a command connects, and with which keys."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="record tests/cassettes again")


class NetworkBlockedError(RuntimeError):
    """A test tried to reach another machine. Not an OSError, which code under test would take for a failed connection."""


def _is_loopback(host: object) -> bool:
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return host in ("localhost", None, "")


@pytest.fixture(scope="session", autouse=True)
def _network() -> Iterator[None]:
    """Refuse connections and look-ups of other machines."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        original = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if not _is_loopback(host):
                raise NetworkBlockedError(f"a test looked up {host!r}")
            return original(host, *args, **options)

        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise NetworkBlockedError(f"a test connects to {address!r}")
        return connect(self, address)

    return guarded


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the key, the URL and other settings of the environment, those of a terminal and of object stores too."""
    for name in list(os.environ):
        if name.startswith(PREFIXES) or name.lower().endswith("_proxy") or name in SETTINGS:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def served_samples() -> Iterator[Samples]:
    with Samples.open(now=lambda: END) as samples:
        yield samples


@pytest.fixture(scope="session")
def sandbox_app(served_samples: Samples) -> Any:
    """The sandbox under the default reading."""
    return create_app(served_samples)


@pytest.fixture(scope="session")
def _base_url(sandbox_app: Any) -> Iterator[str]:
    with running(sandbox_app) as url:
        yield url


@pytest.fixture
def sandbox(_base_url: str, sandbox_app: Any) -> Sandbox:
    """The sandbox over HTTP, with an empty log. Its request comes after those that an earlier test left in flight."""
    with closing(HTTPConnection(_base_url.removeprefix("http://"))) as connection:
        connection.request("GET", "/none")
        assert connection.getresponse().status == 404
    sandbox_app.state.requests.clear()
    return Sandbox(_base_url, sandbox_app, DEFAULT_API_KEY)


def pytest_collection_finish() -> None:
    """Leave what the imports made out of every later garbage collection, which some tests ask for."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()

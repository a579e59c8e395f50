"""What all tests share: no network but this machine's own, and one served sandbox."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, running
from support import budget
from support.serving import Sandbox

pytest_plugins = ["support.speed"]
budget.register()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="record tests/cassettes again")


class NetworkBlockedError(RuntimeError):
    """A test tried to leave this machine. It is no OSError, so that no code under test takes it for a bad connection."""


def _is_here(host: object) -> bool:
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return host in ("localhost", None, "")


@pytest.fixture(scope="session", autouse=True)
def _network() -> Iterator[None]:
    """Only this machine can be reached."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        look_up = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if not _is_here(host):
                raise NetworkBlockedError(f"a test looked up {host!r}")
            return look_up(host, *args, **options)

        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise NetworkBlockedError(f"a test connects to {address!r}")
        return connect(self, address)

    return guarded


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no URL and no habits of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("ALLIUM_") or name.lower().endswith("_proxy") or name == "PYTHONUNBUFFERED":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def served_samples() -> Iterator[Samples]:
    with Samples.open() as samples:
        yield samples


@pytest.fixture(scope="session")
def sandbox_app(served_samples: Samples) -> Any:
    """The sandbox under the plain reading."""
    return create_app(served_samples)


@pytest.fixture(scope="session")
def _base_url(sandbox_app: Any) -> Iterator[str]:
    with running(sandbox_app) as url:
        yield url


@pytest.fixture
def sandbox(_base_url: str, sandbox_app: Any) -> Sandbox:
    """The sandbox over HTTP, with an empty log. A test before may have left requests; this one comes behind them."""
    with closing(HTTPConnection(_base_url.removeprefix("http://"))) as connection:
        connection.request("GET", "/none")
        assert connection.getresponse().status == 404
    sandbox_app.state.requests.clear()
    return Sandbox(_base_url, sandbox_app, DEFAULT_API_KEY)

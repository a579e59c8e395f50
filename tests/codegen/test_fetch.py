"""A page is a readable file or a complete response with status 200."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.fetch import fetch

ADDRESS = "https://docs.example/page.md"


def responding(respond: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(respond)


def test_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\r\n")
    assert fetch(str(tmp_path / "a.md")) == b"\xff\r\n"


def test_address_is_read() -> None:
    assert fetch(ADDRESS, transport=responding(lambda _: httpx.Response(200, content=b"page"))) == b"page"


@pytest.mark.parametrize("source", ["no-such-file.md", "."])
def test_missing_file_is_an_error(source: str) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        fetch(source)


def test_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"12345")
    with pytest.raises(SpecError, match="larger than 4 bytes"):
        fetch(str(tmp_path / "a.md"), size_limit=4)


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 429, 500, 503, 599])
def test_other_status_is_an_error(status: int) -> None:
    with pytest.raises(SpecError, match=f"answered with status {status}, not 200"):
        fetch(ADDRESS, transport=responding(lambda _: httpx.Response(status, content=b"page")))


def test_redirect_is_reported_and_not_followed() -> None:
    requests = []

    def moved(request: httpx.Request) -> httpx.Response:
        requests.append(request.url)
        return httpx.Response(308, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(SpecError, match=r"moved to https://elsewhere.example/ \(status 308\)"):
        fetch(ADDRESS, transport=responding(moved))
    assert len(requests) == 1


def test_response_that_is_too_large_is_an_error() -> None:
    with pytest.raises(SpecError, match="larger than 4 bytes"):
        fetch(ADDRESS, size_limit=4, transport=responding(lambda _: httpx.Response(200, content=b"12345")))


def test_slow_download_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=10)
    # Not the module's own attribute: event loops of other threads read the time too.
    monkeypatch.setattr("allium_market_data.codegen.fetch.time", SimpleNamespace(monotonic=lambda: next(clock)))

    def drip() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(SpecError, match=r"took longer than 30 s"):
        fetch(ADDRESS, timeout=30, transport=responding(lambda _: httpx.Response(200, content=drip())))


@pytest.mark.parametrize(
    "problem", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.RemoteProtocolError("cut")]
)
def test_broken_connection_is_an_error(problem: httpx.HTTPError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise problem

    with pytest.raises(SpecError, match=r"cannot be fetched: (refused|ReadTimeout|cut)"):
        fetch(ADDRESS, transport=responding(fail))


@pytest.mark.parametrize("source", ["ftp://a/b.md", "file:///etc/hosts"])
def test_other_schemes_are_an_error(source: str) -> None:
    with pytest.raises(SpecError, match="only http and https"):
        fetch(source)


def test_invalid_address_is_an_error() -> None:
    with pytest.raises(SpecError, match="cannot be fetched"):
        fetch("http://[::1/x.md")

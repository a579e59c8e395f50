"""Only a whole, plain 200 or a readable file counts as a page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.fetch import fetch

ADDRESS = "https://docs.example/page.md"


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\r\n")
    assert fetch(str(tmp_path / "a.md")) == b"\xff\r\n"


def test_an_address() -> None:
    assert fetch(ADDRESS, transport=answering(lambda _: httpx.Response(200, content=b"page"))) == b"page"


@pytest.mark.parametrize("source", ["no-such-file.md", "."])
def test_a_file_that_is_not_there(source: str) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        fetch(source)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"12345")
    with pytest.raises(SpecError, match="larger than 4 bytes"):
        fetch(str(tmp_path / "a.md"), size_limit=4)


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 429, 500, 503, 599])
def test_any_other_status(status: int) -> None:
    with pytest.raises(SpecError, match=f"answered with status {status}, not 200"):
        fetch(ADDRESS, transport=answering(lambda _: httpx.Response(status, content=b"page")))


def test_a_redirect_is_named_and_not_followed() -> None:
    asked = []

    def moved(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(308, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(SpecError, match=r"moved to https://elsewhere.example/ \(status 308\)"):
        fetch(ADDRESS, transport=answering(moved))
    assert len(asked) == 1


def test_an_answer_that_is_too_large() -> None:
    with pytest.raises(SpecError, match="larger than 4 bytes"):
        fetch(ADDRESS, size_limit=4, transport=answering(lambda _: httpx.Response(200, content=b"12345")))


def test_an_answer_that_drips() -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(SpecError, match=r"took longer than 0.01 s"):
        fetch(ADDRESS, timeout=0.01, transport=answering(lambda _: httpx.Response(200, content=drip())))


@pytest.mark.parametrize(
    "problem", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.RemoteProtocolError("cut")]
)
def test_a_broken_connection(problem: httpx.HTTPError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise problem

    with pytest.raises(SpecError, match=r"cannot be fetched: (refused|ReadTimeout|cut)"):
        fetch(ADDRESS, transport=answering(fail))


@pytest.mark.parametrize("source", ["ftp://a/b.md", "file:///etc/hosts"])
def test_other_schemes(source: str) -> None:
    with pytest.raises(SpecError, match="only http and https"):
        fetch(source)


def test_an_address_that_is_none() -> None:
    with pytest.raises(SpecError, match="cannot be fetched"):
        fetch("http://[::1/x.md")

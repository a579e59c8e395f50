"""The lock says where everything came from, and changes only when that changes."""

import datetime as dt
import tomllib

import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.lock import Lock, LockedPage, locked_page, read, render

MONDAY, TUESDAY = dt.date(2026, 5, 4), dt.date(2026, 5, 5)
ADDRESS = "https://docs.example/a.md"


def test_a_page_from_a_file_has_an_assumed_address_and_the_index_it_names() -> None:
    page = locked_page("a.md", b"see https://docs.example/sub/llms.txt.", Lock(), today=MONDAY)
    assert (page.source, page.source_assumed, page.retrieved) == ("", True, "2026-05-04")
    assert page.index == "https://docs.example/sub/llms.txt"


def test_the_day_moves_only_with_the_bytes() -> None:
    first = locked_page("a.md", b"x", Lock(), today=MONDAY)
    assert locked_page("a.md", b"x", Lock((first,)), today=TUESDAY) == first
    assert locked_page("a.md", b"y", Lock((first,)), today=TUESDAY).retrieved == "2026-05-05"


def test_an_address_that_was_read_is_known_from_then_on() -> None:
    first = locked_page("a.md", b"x", Lock(), today=MONDAY, address=ADDRESS)
    assert (first.source, first.source_assumed) == (ADDRESS, False)
    assert locked_page("a.md", b"y", Lock((first,)), today=MONDAY).source == ADDRESS
    assert locked_page("a.md", b"y", Lock((first,)), today=MONDAY).source_assumed is False


def test_a_lock_is_written_and_read_back_whatever_is_in_it() -> None:
    odd = 'quote " back \\ \t \x7f \u2028 é'
    lock = Lock(
        (LockedPage("b.md", odd, True, "2026-05-04", "00"), LockedPage("a.md", "", False, "", "")), "m", "p", {odd: "1"}
    )
    again = read(render(lock).decode())
    assert set(again.pages) == set(lock.pages)
    assert [page.file for page in again.pages] == ["a.md", "b.md"]
    assert (again.merged, again.patched, again.tools) == ("m", "p", {odd: "1"})
    assert render(again) == render(lock)
    assert render(lock).startswith(b"# Written by `nox")


@pytest.mark.parametrize("text", ["", "future = 1\n", "page = 1\ntools = 2\ndocuments = 3\n", "page = [1]\n"])
def test_what_is_missing_or_unknown_is_no_error(text: str) -> None:
    assert read(text) == Lock()
    assert read("[[page]]\nfile = 'a'\n").page("a") == LockedPage("a", "", True, "", "")
    assert read(text).page("a") is None


def test_what_is_no_toml_is_one() -> None:
    with pytest.raises(SpecError, match="x: unreadable"):
        read("= [", where="x")
    assert tomllib.loads(render(Lock()).decode())["tools"] == {}

"""The lock records the source of everything, and changes only with it."""

import datetime as dt
import tomllib

import pytest

from allium_market_data.codegen import SpecError
from allium_market_data.codegen.lock import Lock, LockedPage, locked_page, read, render

MONDAY, TUESDAY = dt.date(2026, 5, 4), dt.date(2026, 5, 5)
ADDRESS = "https://docs.example/a.md"


def test_page_from_a_file_has_an_assumed_address_and_an_index() -> None:
    page = locked_page("a.md", b"see https://docs.example/sub/llms.txt.", Lock(), today=MONDAY)
    assert (page.source, page.source_assumed, page.retrieved) == ("", True, "2026-05-04")
    assert page.index == "https://docs.example/sub/llms.txt"


def test_date_changes_only_with_the_bytes() -> None:
    first = locked_page("a.md", b"x", Lock(), today=MONDAY)
    assert locked_page("a.md", b"x", Lock((first,)), today=TUESDAY) == first
    assert locked_page("a.md", b"y", Lock((first,)), today=TUESDAY).retrieved == "2026-05-05"


def test_address_that_was_read_is_kept() -> None:
    first = locked_page("a.md", b"x", Lock(), today=MONDAY, address=ADDRESS)
    assert (first.source, first.source_assumed) == (ADDRESS, False)
    assert locked_page("a.md", b"y", Lock((first,)), today=MONDAY).source == ADDRESS
    assert locked_page("a.md", b"y", Lock((first,)), today=MONDAY).source_assumed is False


def test_any_lock_reads_back() -> None:
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
def test_missing_and_unknown_values_are_not_errors(text: str) -> None:
    assert read(text) == Lock()
    assert read("[[page]]\nfile = 'a'\n").page("a") == LockedPage("a", "", True, "", "")
    assert read(text).page("a") is None


def test_invalid_toml_is_an_error() -> None:
    with pytest.raises(SpecError, match="x: unreadable"):
        read("= [", where="x")
    assert tomllib.loads(render(Lock()).decode())["tools"] == {}

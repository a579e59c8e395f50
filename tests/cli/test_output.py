"""Formats, tables, plans and progress as the command prints them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from allium_market_data import FetchProgress, OpenInterestSeries
from allium_market_data.cli import output
from allium_market_data.cli.options import OutputFormat
from allium_market_data.client.plan import plan
from allium_market_data.errors import ServerError, UsageError
from allium_market_data.formats.files import FORMATS
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.rows import OpenInterest
from support.sample_series import MARKET, START, columns, instant, provenance

PLAN = plan(OPEN_INTEREST, "1m", START, START + timedelta(hours=2))


def rows(count: int, *provisional: int) -> Iterator[OpenInterest]:
    return columns(range(count), provisional=provisional).records(MARKET, OpenInterest)


def page(first: int, stop: int) -> OpenInterestSeries:
    return OpenInterestSeries(
        market_id=MARKET,
        interval="1m",
        start=instant(first),
        end=instant(stop),
        columns=columns(range(first, stop)),
        provenance=provenance(),
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("requested", "destination", "chosen"),
    [
        (None, None, "csv"),
        ("jsonl", None, "jsonl"),
        ("table", None, "table"),
        (None, "rows.parquet", "parquet"),
        (None, "rows.ARROW", "arrow"),
        ("csv", "rows.txt", "csv"),
        ("csv", "rows.CSV", "csv"),
        ("parquet", None, "parquet"),
        ("arrow", None, "arrow"),
    ],
)
def test_format_is_the_requested_one_or_suits_the_destination(
    requested: Any, destination: str | None, chosen: str
) -> None:
    assert output.choose_format(requested, Path(destination) if destination else None) == chosen


def test_terminal_gets_a_table_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert output.choose_format(None, None) == "table"
    assert output.choose_format("csv", None) == "csv"
    assert output.choose_format(None, Path("rows.csv")) == "csv"
    for binary in ("parquet", "arrow"):
        with pytest.raises(UsageError, match=f"{binary} is binary and cannot be shown on a terminal: pass --output"):
            output.choose_format(binary, None)


@pytest.mark.parametrize(
    ("requested", "destination"),
    [("table", "rows.csv"), (None, "rows.txt"), ("csv", "rows.parquet"), ("arrow", "rows.JSONL")],
)
def test_format_that_does_not_suit_is_wrong_usage(requested: Any, destination: str | None) -> None:
    with pytest.raises(UsageError):
        output.choose_format(requested, Path(destination) if destination else None)


@pytest.mark.parametrize(("count", "hidden"), [(0, None), (1, None), (20, None), (40, None), (41, 1), (1_500, 1_460)])
def test_table_shows_all_of_a_short_series_and_both_ends_of_a_long_one(
    capsys: pytest.CaptureFixture[str], count: int, hidden: int | None
) -> None:
    output.show_rows(rows(count))
    printed = capsys.readouterr()
    assert printed.out.count(MARKET) == min(count, 40)
    assert ("more" in printed.out) is (hidden is not None)
    assert hidden is None or f"{hidden:,} more" in printed.out
    assert printed.err == ("(--output FILE writes every row)\n" if hidden else "")
    if count > 1:
        last = instant(count - 1)
        assert f"{last:%H:%M}" in printed.out


@pytest.mark.parametrize(
    ("count", "provisional", "stars"), [(5, [4], 1), (30, [29], 1), (100, [98, 99], 2), (100, [50], 0)]
)
def test_provisional_rows_are_marked_with_an_explanation(
    capsys: pytest.CaptureFixture[str], count: int, provisional: list[int], stars: int
) -> None:
    output.show_rows(rows(count, *provisional))
    printed = capsys.readouterr().out
    assert printed.count("* provisional: the bucket had not ended") == bool(stars)
    assert printed.count("*") == stars + bool(stars)


def test_table_does_not_interpret_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_rows(columns([1]).records("[red]m[/red]", OpenInterest))
    assert "[red]m[/red]" in capsys.readouterr().out


def step(done: int, rows: int) -> FetchProgress:
    return FetchProgress(done, 2, rows, done, 1.0)


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with output.progress(4) as track:
        first, second = track(), track()
        assert first is not None
        assert second is not None
        first(step(1, 1_000))
        first(step(2, 1_200))
        second(step(2, 300))
    assert "4/4" in terminal.getvalue()
    assert "windows, 1,500 rows" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with output.progress(2) as track:
        assert track() is None


def test_every_format_of_a_file_is_a_choice() -> None:
    assert set(get_args(OutputFormat)) == {*FORMATS, "table"}


def broken(pages: int) -> Iterator[OpenInterestSeries]:
    for number in range(pages):
        yield page(number * 10, number * 10 + 10)
    raise ServerError("the server failed")


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_fetch_that_fails_at_once_writes_nothing(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    with pytest.raises(ServerError):
        output.deliver(broken(0), PLAN, {}, form, None, False)
    assert capsys.readouterr().out == ""


def test_fetch_that_fails_later_has_written_the_pages_before(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServerError):
        output.deliver(broken(2), PLAN, {}, "csv", None, False)
    assert capsys.readouterr().out.count(MARKET) == 20


def test_failed_fetch_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ServerError):
        output.deliver(broken(2), PLAN, {}, "csv", tmp_path / "rows.csv", False)
    assert list(tmp_path.iterdir()) == []


def test_plan_is_counted_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_plan(PLAN)
    assert capsys.readouterr().out == (
        "1 request for 120 buckets of 1m, 2026-05-01T00:00:00Z to 2026-05-01T02:00:00Z\n"
        "     1  2026-04-30T23:59:00Z to 2026-05-01T02:00:00Z\n"
    )

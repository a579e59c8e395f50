"""Each reading, on a market small enough to check by hand."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args, get_type_hints

import pytest

from allium_market_data.errors import SandboxError
from allium_market_data.model.times import from_micros
from allium_market_data.sandbox import READINGS, Reading, Samples, reading_named
from allium_market_data.sandbox.answer import error_body, respond
from allium_market_data.sandbox.endpoint import accepts_gzip
from allium_market_data.sandbox.instants import parse_instant
from allium_market_data.sandbox.query import Query
from allium_market_data.sandbox.samples import connect
from allium_market_data.sandbox.source import Source, insert
from allium_market_data_wire.contract import OPEN_INTEREST
from support.sandbox_requests import label_of

AMOUNT = OPEN_INTEREST.decimals[0].name
MARKET = "own:perp:X"
DATABASE = connect()
# Hours 00 and 01 have two samples each, 02 has none, 03 has one at its very start, 04 one at its last microsecond.
SAMPLES = [
    ("00:10", "1.00"), ("00:50", "2.00"), ("01:10", "3"), ("01:50", "4.5"), ("03:00", "5.00"), ("04:59:59.999999", "6.00"),
]  # fmt: skip


def hours(start: str, end: str, *names: str, limit: int = OPEN_INTEREST.limit_default) -> list[str]:
    """The rows of a window on 2026-05-01: ``01=4.5`` is an oi_base of 4.5 at 01:00."""
    rows = [(parse_instant(f"2026-05-01T{clock}"), base, base) for clock, base in SAMPLES]
    types = ("BIGINT", "VARCHAR", "VARCHAR")
    source = Source(MARKET, "file", "", lambda connection, table: insert(connection, table, rows, types))
    query = Query("1h", parse_instant(f"2026-05-01T{start}"), parse_instant(f"2026-05-01T{end}"), limit)
    history = Samples(DATABASE, [source]).history(MARKET)
    items = json.loads(respond(MARKET, query, reading_named(names), history))[OPEN_INTEREST.items_field]
    return [f"{from_micros(label_of(item)):%H}={item[AMOUNT]}" for item in items]


def test_plain_reading_gives_the_last_sample_of_each_bucket() -> None:
    assert hours("00:00", "05:00") == ["00=2.00", "01=4.5", "03=5.00", "04=6.00"]


def test_plain_window_selects_labels_and_cuts_no_bucket() -> None:
    assert hours("00:30", "01:20") == ["01=4.5"]
    assert hours("00:00", "01:00") == ["00=2.00"]
    assert hours("01:00", "01:00:00.000001") == ["01=4.5"]


def test_end_inclusive_adds_the_bucket_labelled_end() -> None:
    assert hours("00:00", "01:00", "end-inclusive") == ["00=2.00", "01=4.5"]
    assert hours("00:00", "00:59", "end-inclusive") == ["00=2.00"]


def test_label_end_labels_the_same_buckets_an_hour_later() -> None:
    assert hours("00:00", "05:00", "label-end") == ["01=2.00", "02=4.5", "04=5.00"]
    assert hours("00:00", "05:00", "label-end", "end-inclusive") == ["01=2.00", "02=4.5", "04=5.00", "05=6.00"]


def test_cut_samples_makes_the_edges_partial() -> None:
    assert hours("00:30", "01:20", "cut-samples") == ["00=2.00", "01=3"]
    assert hours("00:51", "01:20", "cut-samples") == ["01=3"]
    assert hours("00:30", "01:20", "cut-samples", "label-end") == ["01=2.00", "02=3"]


def test_cut_samples_with_end_inclusive_counts_a_sample_at_the_end() -> None:
    assert hours("01:00", "03:00", "cut-samples") == ["01=4.5"]
    assert hours("01:00", "03:00", "cut-samples", "end-inclusive") == ["01=4.5", "03=5.00"]


def test_start_bucket_returns_the_bucket_around_the_start() -> None:
    assert hours("00:30", "01:20", "start-bucket") == ["00=2.00", "01=4.5"]
    assert hours("00:55", "01:20", "start-bucket", "cut-samples") == ["01=3"]
    assert hours("00:30", "01:20", "start-bucket", "label-end") == ["01=2.00"]


def test_carry_forward_uses_values_from_before_the_window() -> None:
    assert hours("00:00", "05:00", "carry-forward") == ["00=2.00", "01=4.5", "02=4.5", "03=5.00", "04=6.00"]
    assert hours("02:00", "03:00", "carry-forward") == ["02=4.5"]


def test_carry_forward_stays_between_the_first_and_the_last_sample() -> None:
    assert hours("04:00", "09:00", "carry-forward") == ["04=6.00"]
    assert hours("05:00", "09:00", "carry-forward") == []
    assert hours("00:00", "00:05", "carry-forward", "cut-samples") == []


def test_carry_forward_with_cut_samples_gives_the_value_at_the_cut() -> None:
    assert hours("00:51", "01:05", "carry-forward", "cut-samples") == ["00=2.00", "01=2.00"]


def test_limit_keeps_the_earliest_or_latest_in_either_order() -> None:
    assert hours("00:00", "05:00", limit=2) == ["00=2.00", "01=4.5"]
    assert hours("00:00", "05:00", "descending", limit=2) == ["01=4.5", "00=2.00"]
    assert hours("00:00", "05:00", "keep-latest", limit=2) == ["03=5.00", "04=6.00"]
    assert hours("00:00", "05:00", "keep-latest", "descending", limit=2) == ["04=6.00", "03=5.00"]


def test_decimals_are_written_in_several_ways() -> None:
    assert hours("01:00", "04:00", "decimals-trailing-zeros") == ["01=4.5000", "03=5.00000"]
    assert hours("01:00", "04:00", "decimals-integer") == ["01=4.5", "03=5"]
    assert hours("01:00", "04:00", "decimals-18") == ["01=4.500000000000000000", "03=5.000000000000000000"]
    assert hours("01:00", "01:20", "decimals-trailing-zeros", "cut-samples") == ["01=3.000"]


def test_error_body_has_four_formats() -> None:
    problems: list[dict[str, object]] = [{"loc": ["query", "some"], "msg": "too \ud800", "type": "x"}]
    bodies = {name: error_body(422, problems, reading_named([name] if name else [])) for name in
              (None, "error-plain-text", "error-problem-json", "error-empty")}  # fmt: skip
    assert json.loads(bodies[None][1]) == {"detail": problems}
    assert bodies["error-plain-text"][0].startswith("text/plain")
    assert b"some: too \\ud800" in bodies["error-plain-text"][1]
    assert bodies["error-problem-json"][0] == "application/problem+json"
    assert json.loads(bodies["error-problem-json"][1])["status"] == 422
    assert bodies["error-empty"][1] == b""


def test_each_name_sets_a_choice_that_is_not_plain() -> None:
    hints = get_type_hints(Reading)
    for name, (field, value, description) in READINGS.items():
        assert getattr(reading_named([name]), field) == value
        assert getattr(Reading(), field) != value
        assert value in (get_args(hints[field]) or (True, False))
        assert description
    assert {choice.field for choice in READINGS.values()} == {field.name for field in dataclasses.fields(Reading)}


def test_unknown_reading_is_an_error_that_lists_all() -> None:
    with pytest.raises(SandboxError, match=r"no reading 'upside-down'.*end-inclusive.*gzip"):
        reading_named(["upside-down"])


def test_readings_of_the_same_question_exclude_each_other() -> None:
    with pytest.raises(SandboxError, match="'decimals-18' and 'decimals-integer' exclude each other"):
        reading_named(["decimals-18", "decimals-integer"])
    assert reading_named(["ts-z", "ts-z"]) == Reading(ts_text="z")


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("gzip;q=1.0", True), ("", False), ("br", False),
     ("gzip;q=0", False), ("gzip;q=0.000", False), ("*, gzip;q=0", False), ("gzip;q=x", False), ("gzip;x=1", False)],
)  # fmt: skip
def test_accept_encoding_is_parsed(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted

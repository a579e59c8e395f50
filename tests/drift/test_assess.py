"""What a change does to this client, and the example that shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen.clauses import read_clauses
from allium_market_data.codegen.page import Document
from allium_market_data.drift import Change, Effect, Level, Source, judge
from allium_market_data.drift.impact.client_requests import client_requests
from allium_market_data.drift.impact.client_responses import body_error, bytes_error, status_error
from allium_market_data.model.endpoint import OPEN_INTEREST
from drift.page import CLAUSES_TEXT, PAGE, answer, changed, operation, row, swapped

CLAUSES = read_clauses(CLAUSES_TEXT)
ROW = {"market_id": "hl:perp:BTC-USDC", "ts": "2026-05-01T01:00:00Z", "oi_base": "1", "oi_quote_usd": "2"}


def source(page: str) -> Source:
    return Source.of_bytes([("get-open-interest.md", page.encode())])


BASELINE = source(PAGE)


def worst(page: str, *, examples: bool = True) -> Change:
    judgement = judge(BASELINE, source(page), CLAUSES, examples=examples)
    assert judgement.verdict is Level.BREAKING, judgement
    return judgement.changes[0]


def example(change: Change) -> tuple[str, str]:
    assert change.example is not None
    return change.example.text, change.example.outcome


def test_client_requests_are_those_that_the_client_builds() -> None:
    requests = client_requests(OPEN_INTEREST)
    operation = OPEN_INTEREST.operation
    name = operation.interval_parameter
    assert name
    assert tuple(request.query[name] for request in requests) == operation.intervals
    assert {request.query[operation.limit_parameter] for request in requests} == {operation.limit_maximum}
    assert str(requests[0]).startswith(
        "GET https://api.allium.so/api/v1/markets/hl%3Aperp%3ABTC-USDC/perps/open_interest?"
    )


# --- Requests ---


def test_lower_limit_is_shown_by_the_refused_request() -> None:
    change = worst(swapped("maximum: 5000", "maximum: 1000"))
    assert change.effect is Effect.PLANNER
    text, outcome = example(change)
    assert "limit=5000" in text
    assert outcome == "today's client sends this; of the new document, it does not allow limit=5000"


def test_removed_interval_is_shown_by_its_own_request() -> None:
    change = worst(swapped("              - 4h\n", ""))
    assert change.effect is Effect.REQUEST
    assert "interval=4h" in example(change)[0]


def test_required_parameter_and_body_are_shown() -> None:
    needed = {"name": "venue", "in": "query", "required": True, "schema": {"type": "string"}}
    change = worst(changed(lambda made: operation(made)["parameters"].append(needed)))
    assert change.effect is Effect.REQUEST
    assert example(change)[1].endswith("it needs the query parameter venue")
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    change = worst(changed(lambda made: operation(made).update(requestBody=body)))
    assert change.effect is Effect.REQUEST
    assert example(change)[1].endswith("it needs a body")


@pytest.mark.parametrize(
    ("old", "new"), [("minimum: 1\n", "minimum: 7\n"), ("default: 500", "default: 100")], ids=["minimum", "default"]
)
def test_break_that_still_allows_the_client_s_requests_is_harmless(old: str, new: str) -> None:
    change = worst(swapped(old, new))
    assert change.effect is Effect.HARMLESS
    assert (change.example, change.example_note) == (
        None,
        "no example: the new document still allows the requests of this client",
    )


def test_shorter_window_in_the_prose_is_shown_by_a_longer_request() -> None:
    change = worst(swapped("**7 days**", "**2 days**"))
    assert change.effect is Effect.PLANNER
    assert example(change)[1] == "today's client sends this, a window of 7 days, 0:00:00; the page allows 2 days"
    longer = worst(swapped("**7 days**", "**31 days**"))
    assert (longer.example, longer.example_note) == (None, "no example: a sentence cannot be tried out")


# --- Responses ---


def test_response_is_shown_as_today_s_client_reads_it() -> None:
    change = worst(changed(lambda made: row(made)["properties"]["oi_base"].update(type=["string", "null"])))
    assert change.effect is Effect.DECODING
    text, outcome = example(change)
    assert json.loads(text)["items"][0]["oi_base"] is None
    assert "today's client refuses it: ContractError" in outcome
    assert "oi_base" in outcome


def test_change_of_a_field_that_the_client_does_not_read_is_harmless() -> None:
    def with_note(kind: str) -> str:
        return changed(lambda made: row(made)["properties"].update(note={"type": kind}))

    judgement = judge(source(with_note("string")), source(with_note("integer")), CLAUSES)
    assert [(change.level, change.effect) for change in judgement.changes] == [(Level.BREAKING, Effect.HARMLESS)]
    assert example(judgement.changes[0])[1].endswith("today's client accepts it")


def test_two_breaks_of_one_row_are_assessed_separately() -> None:
    def change(made: Document) -> None:
        row(made)["properties"]["note"] = {"type": "integer"}
        row(made)["properties"]["oi_base"]["type"] = "number"

    old = changed(lambda made: row(made)["properties"].update(note={"type": "string"}))
    changes = judge(source(old), source(changed(change)), CLAUSES).changes
    effects = {change.where.rpartition(".")[2]: change.effect for change in changes}
    assert effects == {"note": Effect.HARMLESS, "oi_base": Effect.DECODING}


def test_another_media_type_is_shown() -> None:
    def change(made: Document) -> None:
        content = answer(made)["content"]
        content["text/csv"] = content.pop("application/json")

    break_ = next(
        one for one in judge(BASELINE, source(changed(change)), CLAUSES).changes if one.kind == "media.removed"
    )
    assert break_.effect is Effect.DECODING
    assert example(break_)[1].startswith("a response of type text/csv; today's client refuses it: ContractError")


def test_another_status_is_shown_by_the_error_it_gives() -> None:
    change = worst(changed(lambda made: operation(made)["responses"].update({"204": {"description": ""}})))
    assert change.effect is Effect.DECODING
    assert "UnexpectedStatusError" in example(change)[1]
    assert status_error(200) == ""


def test_documented_example_that_the_client_refuses_counts_as_a_break() -> None:
    change = worst(swapped("- '12483.50'", "- 12,483.50"))
    assert (change.kind, change.cannot_tell, change.effect) == ("words.examples", True, Effect.DECODING)
    assert "12,483.50" in example(change)[0]


def test_documented_example_of_a_whole_response_is_read_too() -> None:
    def with_example(value: Any) -> str:
        return changed(lambda made: answer(made)["content"]["application/json"].update(example=value))

    assert judge(BASELINE, source(with_example({"items": [ROW]})), CLAUSES).verdict is Level.DOCS
    refused = {"items": [{**ROW, "ts": "now"}]}
    assert judge(BASELINE, source(with_example(refused)), CLAUSES).verdict is Level.BREAKING


def test_body_error_is_what_the_decoder_reports() -> None:
    assert body_error({"items": [ROW]}, OPEN_INTEREST) == ""
    assert body_error({"items": [], "next": 1}, OPEN_INTEREST) == ""
    assert "oi_base" in body_error({"items": [{**ROW, "oi_base": "-1"}]}, OPEN_INTEREST)
    assert "invalid JSON" in bytes_error(b"<html>", OPEN_INTEREST)
    assert body_error([], OPEN_INTEREST)
    for stamp in ("9999-12-31T23:00:00-01:00", "0001-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", 5, None, "x"):
        assert body_error({"items": [{**ROW, "ts": stamp}]}, OPEN_INTEREST)


# --- Without an example ---


def test_break_of_an_operation_that_the_client_does_not_call_is_harmless() -> None:
    def shop(**more: Any) -> Source:
        paths = {"/things/{id}": {"get": {"responses": {"200": {"description": ""}}, **more}}}
        document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths}
        return Source.of_bytes([("shop.json", json.dumps(document).encode())])

    needed = {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}
    (change,) = judge(shop(), shop(parameters=[needed])).changes
    assert (change.level, change.effect, change.example) == (Level.BREAKING, Effect.HARMLESS, None)
    assert change.example_note == "no example: this client does not call the operation"


def test_note_says_that_no_example_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allium_market_data.drift.impact.assess.find_counterexample", lambda *_: None)
    change = worst(swapped("        - oi_base\n", ""))
    assert (change.effect, change.example, change.example_note) == (Effect.MEANING, None, "no example was found")


def test_search_for_responses_can_be_left_out() -> None:
    change = worst(swapped("        - oi_base\n", ""), examples=False)
    assert (change.example, change.effect) == (None, Effect.MEANING)
    assert change.example_note == "no example: enough others are shown"


def test_examples_are_deterministic_and_leave_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = changed(lambda made: row(made)["properties"]["oi_base"].update(type="number"))
    first, second = (judge(BASELINE, source(page), CLAUSES) for _ in range(2))
    assert first == second
    assert first.changes[0].example
    assert list(tmp_path.iterdir()) == []

"""What a change does to this client, and the example that shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen.page import Document
from allium_market_data.drift import Change, Effect, Level, Source, judge
from allium_market_data.drift.diff.clauses import read_clauses
from allium_market_data.drift.impact.client_requests import by_client
from allium_market_data.drift.impact.client_responses import read, read_bytes, status_error
from drift.page import CLAUSES_TEXT, PAGE, answer, changed, operation, parameter, row, swapped

CLAUSES = read_clauses(CLAUSES_TEXT)
ROW = {"market_id": "hl:perp:BTC-USDC", "ts": "2026-05-01T01:00:00Z", "oi_base": "1", "oi_quote_usd": "2"}


def source(page: str) -> Source:
    return Source.of_bytes([("get-open-interest.md", page.encode())])


BASELINE = source(PAGE)


def worst(page: str, *, examples: bool = True) -> Change:
    found = judge(BASELINE, source(page), CLAUSES, examples=examples)
    assert found.verdict is Level.BREAKING, found
    return found.changes[0]


def shop(**change: Any) -> Source:
    """A page of some other API."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/things/{id}": {"get": {"responses": {"200": {"description": ""}}, **change}}},
    }
    return Source.of_bytes([("shop.json", json.dumps(document).encode())])


def found_in_shop(old: dict[str, Any], new: dict[str, Any]) -> Change:
    changes = judge(shop(**old), shop(**new)).changes
    assert len(changes) == 1, changes
    return changes[0]


def test_the_client_sends_its_real_requests() -> None:
    sent = by_client()
    assert [one.query["interval"] for one in sent] == ["1m", "5m", "15m", "1h", "4h", "1d"]
    assert {one.query["limit"] for one in sent} == {5000}
    assert str(sent[0]).startswith("GET https://api.allium.so/api/v1/markets/hl%3Aperp%3ABTC-USDC/perps/open_interest?")


def test_a_lower_limit_is_shown_by_the_request_that_is_refused() -> None:
    change = worst(swapped("maximum: 5000", "maximum: 1000"))
    assert change.effect is Effect.PLANNER
    assert change.example is not None
    assert "limit=5000" in change.example.text
    assert change.example.outcome == "today's client sends this; of the new document, it does not allow limit=5000"


def test_an_interval_that_is_gone_is_shown_by_its_own_request() -> None:
    change = worst(swapped("              - 4h\n", ""))
    assert change.effect is Effect.REQUEST
    assert change.example is not None
    assert "interval=4h" in change.example.text


def test_a_limit_that_the_client_never_meets_is_harmless_and_shown_all_the_same() -> None:
    change = worst(swapped("minimum: 1\n", "minimum: 7\n"))
    assert change.effect is Effect.HARMLESS
    assert change.example is not None
    assert change.example.outcome.startswith("the old document allows this; of the new one, it does not allow limit=")


def test_a_default_is_shown_by_what_it_meant() -> None:
    change = worst(swapped("default: 500", "default: 100"))
    assert change.effect is Effect.HARMLESS
    assert change.example is not None
    assert change.example.outcome == "left out, limit meant 500 before, and means 100 now"


def test_an_answer_is_shown_as_today_s_client_reads_it() -> None:
    change = worst(changed(lambda made: row(made)["properties"]["oi_base"].update(type=["string", "null"])))
    assert change.effect is Effect.DECODING
    assert change.example is not None
    body = json.loads(change.example.text)
    assert body["items"][0]["oi_base"] is None
    assert "today's client refuses it: ContractError" in change.example.outcome
    assert "oi_base" in change.example.outcome


def test_a_break_beside_what_the_client_reads_is_harmless() -> None:
    def with_note(kind: str) -> str:
        return changed(lambda made: row(made)["properties"].update(note={"type": kind}))

    found = judge(source(with_note("string")), source(with_note("integer")), CLAUSES)
    assert [(change.level, change.effect) for change in found.changes] == [(Level.BREAKING, Effect.HARMLESS)]
    assert found.changes[0].example is not None
    assert found.changes[0].example.outcome.endswith("today's client takes it")


def test_two_breaks_of_one_row_are_told_apart() -> None:
    def change(made: Document) -> None:
        row(made)["properties"]["note"] = {"type": "integer"}
        row(made)["properties"]["oi_base"]["type"] = "number"

    old = changed(lambda made: row(made)["properties"].update(note={"type": "string"}))
    found = {one.where.rpartition(".")[2]: one for one in judge(source(old), source(changed(change)), CLAUSES).changes}
    assert found["note"].effect is Effect.HARMLESS
    assert found["oi_base"].effect is Effect.DECODING


def test_a_shorter_cap_in_the_prose_is_shown_by_a_window_that_is_too_long() -> None:
    change = worst(swapped("**7 days**", "**2 days**"))
    assert change.effect is Effect.PLANNER
    assert change.example is not None
    assert change.example.outcome == "today's client sends this, a window of 7 days, 0:00:00; the page allows 2 days"
    longer = worst(swapped("**7 days**", "**31 days**"))
    assert (longer.example, longer.example_note) == (None, "no example: a sentence cannot be tried out")


def test_an_example_that_the_client_cannot_read_is_no_mere_wording() -> None:
    change = worst(swapped("- '12483.50'", "- 12,483.50"))
    assert (change.kind, change.cannot_tell, change.effect) == ("words.examples", True, Effect.DECODING)
    assert change.example is not None
    assert "12,483.50" in change.example.text


def test_a_whole_answer_as_an_example_is_read_as_well() -> None:
    def given(value: Any) -> str:
        return changed(lambda made: answer(made)["content"]["application/json"].update(example=value))

    assert judge(BASELINE, source(given({"items": [ROW]})), CLAUSES).verdict is Level.DOCS
    assert judge(BASELINE, source(given({"items": [{**ROW, "ts": "now"}]})), CLAUSES).verdict is Level.BREAKING


def test_another_status_is_shown_by_the_error_it_gives() -> None:
    change = worst(changed(lambda made: operation(made)["responses"].update({"204": {"description": ""}})))
    assert change.effect is Effect.DECODING
    assert change.example is not None
    assert "UnexpectedStatusError" in change.example.outcome
    assert status_error(200) == ""


def test_without_hypothesis_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "allium_market_data.drift.schema.strategies", raising=False)
    change = worst(swapped("        - oi_base\n", ""))
    assert change.example is None
    assert change.example_note == "no example: hypothesis is not installed"


def test_examples_may_be_left_out() -> None:
    change = worst(swapped("maximum: 5000", "maximum: 1000"), examples=False)
    assert change.example is None
    assert change.example_note.startswith("no example: ")
    assert change.effect is Effect.PLANNER


def test_the_same_documents_give_the_same_examples_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = changed(lambda made: parameter(made, "market_id")["schema"].update(pattern="^[a-z]{3,5}$"))
    one, other = (judge(BASELINE, source(page), CLAUSES) for _ in range(2))
    assert one == other
    assert list(tmp_path.iterdir()) == []


def test_breaks_of_other_operations_are_harmless_here() -> None:
    change = found_in_shop(
        {}, {"parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}]}
    )
    assert (change.level, change.effect) == (Level.BREAKING, Effect.HARMLESS)
    assert change.example is not None
    assert change.example.text == "GET /things/1"
    assert change.example.outcome == "the old document allows this; of the new one, it needs the query parameter q"


@pytest.mark.parametrize("place", ["query", "header", "path"])
def test_a_value_that_is_refused_is_shown_where_it_stands(place: str) -> None:
    name = "id" if place == "path" else "q"
    given = {"name": name, "in": place, "required": True}
    old, new = ({"parameters": [{**given, "schema": {"type": "integer", **most}}]} for most in ({}, {"maximum": 9}))
    change = found_in_shop(old, new)
    assert change.example is not None
    shown = {"query": "GET /things/1?q=10", "header": "GET /things/1\nq: 10", "path": "GET /things/10"}
    assert change.example.text == shown[place]


def test_a_body_that_is_refused_is_shown() -> None:
    old, new = (
        {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {"a": one}}}}}}
        for one in ({"type": "string"}, {"type": "string", "maxLength": 2})
    )
    change = found_in_shop(old, new)
    assert change.example is not None
    assert len(json.loads(change.example.text.partition("\n\n")[2])["a"]) > 2


def test_a_header_of_an_answer_is_shown() -> None:
    def headed(**raw: Any) -> dict[str, Any]:
        return {"responses": {"200": {"description": "", "headers": {"X-N": raw}}}}

    change = found_in_shop(headed(schema={"type": "integer"}), headed(schema={"type": "string"}))
    assert change.example is not None
    assert change.example.text.startswith("X-N: ")
    gone = found_in_shop(headed(required=True, schema={}), headed(schema={}))
    assert gone.example is not None
    assert gone.example.text == "an answer without X-N"


def test_what_no_example_was_found_for_says_so() -> None:
    patterns = ("^a+$", "^(a|aa)+$")
    given = [{"name": "q", "in": "query", "schema": {"type": "string", "pattern": one}} for one in patterns]
    old, new = ({"parameters": [one]} for one in given)
    change = found_in_shop(old, new)
    assert change.cannot_tell
    assert (change.example, change.example_note) == (None, "no example was found")


def test_what_the_client_says_to_a_body() -> None:
    assert read({"items": [ROW]}).refusal == ""
    assert read({"items": [], "next": 1}).unknown == ("next",)
    assert read({"items": [{**ROW, "oi_base": "-1"}]}).field == "oi_base"
    assert "no JSON" in read_bytes(b"<html>").refusal
    assert read([]).refusal
    for stamp in ("9999-12-31T23:00:00-01:00", "0001-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", 5, None, "x"):
        assert read({"items": [{**ROW, "ts": stamp}]}).refusal


def test_a_judgement_without_a_change_loads_nothing_heavy() -> None:
    code = """
import sys
from pathlib import Path
from allium_market_data.drift import Source, judge
data = Path("spec/upstream/get-open-interest.md").read_bytes()
page = Source.of_bytes([("get-open-interest.md", data)])
print(judge(page, page).verdict, sorted({"hypothesis", "httpx", "griffe"} & set(sys.modules)))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "none []\n"

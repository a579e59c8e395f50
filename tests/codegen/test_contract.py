"""The contract in the generated package: what the document and its extensions say, or an error that says what is missing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.codegen.canonical import resolve
from allium_market_data.codegen.clauses import CLAUSES, read_clauses
from allium_market_data.codegen.contract import CAP, DECIMAL, ROLE, TIMESTAMP, check_statements, contract
from allium_market_data.codegen.durations import DAY, HOUR, MINUTE, durations, interval_width, iso_duration
from allium_market_data.codegen.package import PACKAGE
from allium_market_data.errors import SpecError
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST, SERVER

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "generated" / PACKAGE / "openapi.json").read_text(encoding="utf-8"))
QUOTES = {clause.id: clause.quote for clause in read_clauses((ROOT / CLAUSES).read_text(encoding="utf-8"))}
PATH = next(iter(DOCUMENT["paths"]))
OPERATION = f"/paths/{PATH.replace('/', '~1')}/get"
ROW = "/components/schemas/OpenInterest/properties"
MODULES = {"get_open_interest": "wire.api.default.get_open_interest"}


def edited(pointer: str, key: str, value: Any = None) -> Any:
    """The document with one key set, or removed if there is no value."""
    document = copy.deepcopy(DOCUMENT)
    holder = resolve(document, pointer)
    if value is None:
        del holder[key]
    else:
        holder[key] = value
    return document


def made(document: Any) -> dict[str, Any]:
    """The names of the module that is made from a document."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(contract(document, MODULES), names)  # noqa: S102
    return names


def test_contract_is_that_of_the_document() -> None:
    names = made(DOCUMENT)
    schema = resolve(DOCUMENT, f"{OPERATION}/parameters/4/schema")
    operation = names["OPEN_INTEREST"]
    assert (names["SERVER"], names["KEY_HEADER"]) == (SERVER, KEY_HEADER)
    assert (operation.path, operation.module) == (PATH, MODULES["get_open_interest"])
    assert operation.limit_maximum == schema["maximum"] == OPEN_INTEREST.limit_maximum
    assert operation.intervals == tuple(resolve(DOCUMENT, f"{OPERATION}/parameters/1/schema/enum"))
    assert [field.column for field in operation.decimals] == [field.column for field in OPEN_INTEREST.decimals]


def test_clauses_state_the_values_of_the_extensions() -> None:
    check_statements(DOCUMENT, QUOTES)


@pytest.mark.parametrize(
    ("clause", "quote"),
    [
        ("window.cap-1", "The query window is currently capped at **31 days** per request."),
        ("start.naive-is-utc-1", "naive datetimes treated as New York time"),
        ("row.ts-iso-8601-1", "Milliseconds since the epoch"),
        ("row.oi-base-unit-1", "Open interest in contracts."),
    ],
)
def test_a_clause_that_says_something_else_is_an_error(clause: str, quote: str) -> None:
    with pytest.raises(SpecError, match=clause):
        check_statements(DOCUMENT, QUOTES | {clause: quote})


def test_a_clause_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SpecError, match=r"window\.cap-1, which does not exist"):
        check_statements(DOCUMENT, {key: quote for key, quote in QUOTES.items() if key != "window.cap-1"})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (edited("/components/parameters/StartTimestamp/schema", ROLE), "has no x-role"),
        (edited("/components/parameters/StartTimestamp/schema", ROLE, "end"), "given twice"),
        (edited(f"{OPERATION}/parameters/4/schema", ROLE), "no parameter has the x-role 'limit'"),
        (edited(f"{OPERATION}/parameters/4/schema", "maximum"), "has no maximum"),
        (edited(f"{OPERATION}/parameters/1/schema", "enum", ["1h", "7m"]), "'7m'"),
        (edited(f"{OPERATION}/parameters/1/schema", "enum", ["1h", "1 hour"]), "'1 hour'"),
        (edited(f"{OPERATION}/parameters/1/schema", "enum"), "no enumeration"),
        (edited(f"{ROW}/ts", TIMESTAMP), "one with x-timestamp"),
        (edited(f"{ROW}/ts", TIMESTAMP, {"value": "julian", "clause": "row.ts-1"}), "julian"),
        (edited(f"{ROW}/oi_base", DECIMAL, {"column": "oi_base"}), "needs column, signed, unit"),
        (edited(OPERATION, CAP, {"value": "7 days", "clause": "window.cap-1"}), "not an ISO 8601 duration"),
        (edited("", "security"), "does not require exactly one API key"),
        (edited("", "servers"), "names no server"),
    ],
)
def test_an_incomplete_contract_is_an_error(document: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        contract(document, MODULES)


def test_an_operation_without_extensions_has_no_contract() -> None:
    assert made(edited(OPERATION, CAP))["OPERATIONS"] == ()


def test_an_operation_without_an_interval_has_a_fixed_bucket() -> None:
    document = copy.deepcopy(DOCUMENT)
    operation = resolve(document, OPERATION)
    operation["parameters"] = [entry for entry in operation["parameters"] if entry.get("name") != "interval"]
    operation["x-bucket"] = {"value": "PT1H", "clause": "bucket.hourly-1"}
    operation = made(document)["OPEN_INTEREST"]
    assert (operation.interval_parameter, operation.intervals) == (None, ("1h",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("capped at **7 days** per request", {7 * DAY}),
        ("one week, or 36 hours", {7 * DAY, 36 * HOUR}),
        ("Hourly rates, 15 minutes late", {HOUR, 15 * MINUTE}),
        ("5000 rows today", set()),
    ],
)
def test_durations_in_prose(text: str, expected: set[int]) -> None:
    assert durations(text) == expected


def test_iso_durations_and_interval_names() -> None:
    assert [iso_duration(text) for text in ("P7D", "PT1H", "P1DT12H30M")] == [
        7 * DAY,
        HOUR,
        DAY + 12 * HOUR + 30 * MINUTE,
    ]
    assert [interval_width(name) for name in ("15m", "4h", "1d", "d1", "0h")] == [15 * MINUTE, 4 * HOUR, DAY, 0, 0]

"""The suite refuses to run if page, document, clauses and contract do not fit one another."""

from __future__ import annotations

import copy
import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allium_market_data.model.intervals import DAY
from allium_market_data_wire.contract import OPEN_INTEREST
from conformance import target
from conformance.document import ROOT, Document
from conformance.specification import contract_misfits, misfits
from conformance.target import Options, OptionsError

DOCUMENT = Document.load(OPEN_INTEREST)


def test_the_specification_fits() -> None:
    assert list(misfits(ROOT, DOCUMENT, OPEN_INTEREST)) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    return tmp_path


def test_a_clause_that_the_page_does_not_say_is_named(root: Path) -> None:
    clauses = root / "spec/clauses.toml"
    text = clauses.read_text(encoding="utf-8")
    clauses.write_text(text.replace("capped at **7 days** per", "capped at **8 days** per"), encoding="utf-8")
    (misfit,) = misfits(root, DOCUMENT, OPEN_INTEREST)
    assert "window.cap-1" in misfit
    assert "8 days" in misfit
    assert "edit the clause" in misfit


def test_a_document_of_another_page_is_named(root: Path) -> None:
    page = next((root / "spec/upstream").glob("*.md"))
    page.write_text(page.read_text(encoding="utf-8").replace("default: 500", "default: 100"), encoding="utf-8")
    found = list(misfits(root, DOCUMENT, OPEN_INTEREST))
    assert any("spec/openapi.yaml is not the document of the pages" in misfit for misfit in found)
    assert any("limit.default-1" in misfit for misfit in found)


def edited(edit: Callable[[dict[str, Any]], object]) -> Document:
    tree = copy.deepcopy(DOCUMENT.tree)
    edit(tree)
    return Document(tree, DOCUMENT.path)


def limit(tree: dict[str, Any]) -> dict[str, Any]:
    parameters = tree["paths"][DOCUMENT.path]["get"]["parameters"]
    schema: dict[str, Any] = next(p for p in parameters if p.get("name") == OPEN_INTEREST.limit_parameter)["schema"]
    return schema


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tree: limit(tree).update(maximum=1000), "limits [1, 5000, 500], the document has [1, 1000, 500]"),
        (lambda tree: tree["paths"].pop(DOCUMENT.path), "the contract has the path"),
        (lambda tree: tree["components"]["parameters"]["StartTimestamp"].update(name="from"), "the parameters"),
        (lambda tree: tree["components"]["schemas"]["OpenInterest"]["properties"].pop("ts"), "the fields"),
    ],
)
def test_a_contract_of_another_document_is_named(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    (misfit,) = contract_misfits(edited(edit), OPEN_INTEREST)
    assert message in misfit
    assert "run nox -s generate" in misfit


def test_an_interval_more_is_named() -> None:
    fewer = replace(OPEN_INTEREST, intervals=OPEN_INTEREST.intervals[:-1], window_cap=DAY)
    (misfit,) = contract_misfits(DOCUMENT, fewer)
    assert "the intervals" in misfit


def test_a_run_refuses_before_any_request() -> None:
    options = Options(contract=replace(OPEN_INTEREST, limit_default=9))
    with pytest.raises(OptionsError, match=r"does not fit itself, so nothing is tested:\n .*limits \[1, 5000, 9\]"):
        target.resolve(options, DOCUMENT, dt.datetime.now(dt.UTC))

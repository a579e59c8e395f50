"""Results to render: the published page compared with edits of it, and a result with everything that a report can show."""

from __future__ import annotations

import json
from dataclasses import replace

from allium_market_data.codegen.clauses import read_clauses
from allium_market_data.drift import Judgement, Source, judge
from allium_market_data.drift.model import Acceptance, Level, Names, StaleAcceptance
from allium_market_data.drift.result import Behaviour, CheckResult, Sightings
from drift.page import CLAUSES_TEXT, PAGE, Document, answer, document, interval, limit, operation, row, with_block

CHECKED_AT = "2026-11-24T03:17:05Z"


def judge_page(page: str, *, examples: bool = False) -> Judgement:
    """The judgement of an edited page."""
    old, new = (Source.of_bytes([("get-open-interest.md", text.encode())]) for text in (PAGE, page))
    return judge(old, new, read_clauses(CLAUSES_TEXT), examples=examples)


def result_of(judgement: Judgement, *, behaviour: Behaviour | None = None) -> CheckResult:
    """A result with a judgement; every change was seen in four runs."""
    sightings = {change.fingerprint: Sightings("2026-11-21T03:17:02Z", CHECKED_AT, 4) for change in judgement.changes}
    upstream = "https://docs.example/get-open-interest.md"
    return CheckResult(judgement, "spec/openapi.yaml", upstream, CHECKED_AT, "0.1.0", sightings, behaviour)


def full_result(*, examples: bool = False) -> CheckResult:
    """A result with all three levels, an acceptance, names, behaviour and notes."""
    document_ = document()
    _edit(document_)
    page = with_block(json.dumps(document_)).replace("capped at **7 days**", "capped at **31 days**")
    judgement = judge_page(page, examples=examples)
    acceptance = Acceptance("", "Nobody here asks for 5m, 15m or 4h.", "2026-11-22", "2027-02-01")
    changes = tuple(
        replace(change, accepted=replace(acceptance, fingerprint=change.fingerprint))
        if change.kind == "parameter.enum"
        else change
        for change in judgement.changes
    )
    names = Names(
        added=("allium_market_data_wire.models.OpenInterest.oi_mark",),
        removed=("allium_market_data_wire.models.Interval.VALUE_3",),
        changed=(("models.OpenInterest.oi_base", "oi_base: str", "oi_base: float"),),
    )
    stale = StaleAcceptance(replace(acceptance, fingerprint="0123456789ab"), "nothing matches it any more")
    judgement = replace(judgement, changes=changes, names=names, stale=(stale,), notes=("callbacks are not compared",))
    behaviour = Behaviour(
        case="both",
        sentence="The document and the server both changed.",
        violations=("The response has more rows than limit allows (limit.most-rows-1).",),
        changed_readings=(("Is end_timestamp part of the window?", "no", "yes"),),
    )
    return result_of(judgement, behaviour=behaviour)


def _edit(document: Document) -> None:
    limit(document)["maximum"] = 1000
    interval(document)["enum"] = ["1m", "1h", "1d"]
    row(document)["properties"]["oi_base"]["type"] = "number"
    row(document)["properties"]["oi_mark"] = {"type": "string"}
    operation(document)["summary"] = "Open interest"
    operation(document)["tags"] = ["perps"]
    answer(document)["headers"] = {"X-Rate-Limit": {"schema": {"type": "integer"}}}


def result_of_level(level: Level) -> CheckResult:
    """A result of this level: the published page compared with an edit of it."""
    document_ = document()
    match level:
        case Level.DOCS | Level.LOOK:
            operation(document_)["summary"] = "Open interest"
        case Level.COMPATIBLE:
            row(document_)["properties"]["oi_mark"] = {"type": "string"}
            operation(document_)["summary"] = "Open interest"
        case Level.BREAKING:
            limit(document_)["maximum"] = 1000
        case _:
            pass
    judgement = judge_page(with_block(json.dumps(document_)))
    if level is Level.LOOK:
        judgement = replace(judgement, changes=tuple(replace(each, level=level) for each in judgement.changes))
    result = result_of(judgement)
    assert result.level is level
    return result

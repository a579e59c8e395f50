"""Reports to be shown: of the published page against edits of it, with all that a report can carry."""

from __future__ import annotations

import json
from dataclasses import replace

from allium_market_data.drift import Judgement, Source, judge
from allium_market_data.drift.diff.clauses import read_clauses
from allium_market_data.drift.model import Acceptance, Level, Names, StaleAcceptance
from allium_market_data.drift.report.report import Behaviour, Report, Seen
from drift.page import CLAUSES_TEXT, PAGE, Document, answer, document, interval, limit, operation, row, with_block

MADE = "2026-11-24T03:17:05Z"


def judged(page: str, *, examples: bool = False) -> Judgement:
    """What is to be said of an edited page."""
    old, new = (Source.of_bytes([("get-open-interest.md", text.encode())]) for text in (PAGE, page))
    return judge(old, new, read_clauses(CLAUSES_TEXT), examples=examples)


def report(judgement: Judgement, *, behaviour: Behaviour | None = None) -> Report:
    """A report of a judgement; every change was seen in four runs."""
    seen = {change.fingerprint: Seen("2026-11-21T03:17:02Z", MADE, 4) for change in judgement.changes}
    return Report(
        judgement, "spec/openapi.yaml", "https://docs.example/get-open-interest.md", MADE, "0.1.0", seen, behaviour
    )


def _wild(made: Document) -> None:
    limit(made)["maximum"] = 1000
    interval(made)["enum"] = ["1m", "1h", "1d"]
    row(made)["properties"]["oi_base"]["type"] = "number"
    row(made)["properties"]["oi_mark"] = {"type": "string"}
    operation(made)["summary"] = "Open interest"
    operation(made)["tags"] = ["perps"]
    answer(made)["headers"] = {"X-Rate-Limit": {"schema": {"type": "integer"}}}


def full(*, examples: bool = False) -> Report:
    """A report that has something of everything: all three levels, an acceptance, names, behaviour, notes."""
    made = document()
    _wild(made)
    page = with_block(json.dumps(made)).replace("capped at **7 days**", "capped at **31 days**")
    judgement = judged(page, examples=examples)
    taken = Acceptance("", "Nobody here asks for 5m, 15m or 4h.", "2026-11-22", "2027-02-01")
    accepted = next(change for change in judgement.changes if change.kind == "parameter.enum")
    changes = tuple(
        replace(change, accepted=replace(taken, fingerprint=change.fingerprint)) if change is accepted else change
        for change in judgement.changes
    )
    names = Names(
        added=("allium_market_data_wire.models.OpenInterest.oi_mark",),
        removed=("allium_market_data_wire.models.Interval.VALUE_3",),
        changed=(("models.OpenInterest.oi_base", "oi_base: str", "oi_base: float"),),
    )
    stale = StaleAcceptance(replace(taken, fingerprint="0123456789ab"), "nothing matches it any more")
    judgement = replace(judgement, changes=changes, names=names, stale=(stale,), notes=("callbacks are not compared",))
    behaviour = Behaviour(
        case="both",
        sentence="The document moved, and the server with it.",
        violations=("The answer holds more rows than limit allows (limit.most-rows-1).",),
        moved=(("Is end_timestamp part of the window?", "no", "yes"),),
    )
    return report(judgement, behaviour=behaviour)


def of_level(level: Level) -> Report:
    """A report of the published page against an edit of it that deserves this verdict."""
    made = document()
    match level:
        case Level.DOCS:
            operation(made)["summary"] = "Open interest"
        case Level.COMPATIBLE:
            row(made)["properties"]["oi_mark"] = {"type": "string"}
            operation(made)["summary"] = "Open interest"
        case Level.BREAKING:
            limit(made)["maximum"] = 1000
        case _:
            pass
    found = report(judged(with_block(json.dumps(made))))
    assert found.verdict is level
    return found

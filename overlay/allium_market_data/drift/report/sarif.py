"""A report as SARIF 2.1.0: a result for each change, known again by its fingerprint. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from ..model import Change, Level
from .escape import value, xml
from .report import Behaviour, Report

_LEVELS: Final = {Level.NONE: "none", Level.DOCS: "note", Level.COMPATIBLE: "warning", Level.BREAKING: "error"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_PAGE: Final = "spec/upstream/get-open-interest.md"
"""Where results stand: a place in the repository, as code scanning needs one; the place itself is a logical location."""


def sarif(report: Report) -> str:
    """The report as JSON text."""
    results = [_result(change) for change in report.judgement.changes]
    if report.behaviour:
        results += _behaviour(report.behaviour)
    failed = report.behaviour.note if report.behaviour and report.behaviour.failed else ""
    return _render(results, report.version, report.made, failed)


def unchecked(reason: str, made: str, version: str) -> str:
    """The file of a run that could not check: no results, and an invocation that failed, and why."""
    return _render([], version, made, reason)


def _result(change: Change) -> dict[str, Any]:
    example = f" Example: {value(change.example.outcome, 600)}" if change.example else ""
    result = _plain(change.kind, change.level, f"{change.sentence}{example}", change.fingerprint, change.where)
    result["properties"] = {
        "effect": str(change.effect),
        "place": xml(change.place),
        "clauses": [xml(clause) for clause in change.clauses],
    }
    if change.accepted:
        result["suppressions"] = [{"kind": "external", "justification": xml(change.accepted.reason)}]
    return result


def _behaviour(behaviour: Behaviour) -> list[dict[str, Any]]:
    broken = [
        _plain("behaviour.violation", Level.BREAKING, said, f"violation:{said.partition(':')[0]}", "the server")
        for said in behaviour.violations
    ]
    return broken + [
        _plain("behaviour.moved", Level.COMPATIBLE, f"{name} was {old}, is {new}", f"moved:{name}:{new}", "the server")
        for name, old, new in behaviour.moved
    ]


def _plain(rule: str, level: Level, message: str, fingerprint: str, where: str) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": xml(where)}]
    physical = {"artifactLocation": {"uri": _PAGE}, "region": {"startLine": 1}}
    return {
        "ruleId": rule,
        "level": _LEVELS[level],
        "message": {"text": xml(message)},
        "locations": [{"physicalLocation": physical, "logicalLocations": logical}],
        "partialFingerprints": {"alliumDrift/v1": xml(fingerprint)},
    }


def _render(results: list[dict[str, Any]], version: str, made: str, failed: str) -> str:
    rules = [{"id": rule} for rule in sorted({result["ruleId"] for result in results})]
    invocation: dict[str, Any] = {"executionSuccessful": not failed, "endTimeUtc": made}
    if failed:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": xml(failed)}}]
    driver = {"name": "allium-md drift", "version": version, "rules": rules}
    run = {"tool": {"driver": driver}, "invocations": [invocation], "columnKind": "utf16CodeUnits", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"

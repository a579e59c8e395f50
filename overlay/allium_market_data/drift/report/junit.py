"""A report as JUnit XML: a case for each change, and a failure for each that counts. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from ..model import Change, Level
from .escape import value, xml
from .report import Behaviour, Report
from .summary import headline

SUITE = "allium-md drift"


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    group: str
    kind: str = ""
    """``failure``, ``error``, ``skipped``, or empty for a case that passed."""
    message: str = ""
    text: str = ""


def junit(report: Report) -> str:
    """The report: compatible and breaking changes fail, wording passes, what is accepted is skipped.

    The first case stands for the check itself, so that there is one where nothing changed.
    """
    cases = [_Case("the documents were compared", "drift", text=headline(report))]
    cases += [_change(change) for change in report.judgement.changes]
    if report.behaviour:
        cases += _behaviour(report.behaviour)
    return _render(cases, report.made)


def unchecked(reason: str, made: str, version: str) -> str:
    """The file of a run that could not check: one case, with an error."""
    return _render([_Case("the documents were compared", "drift", "error", reason, f"version {version}")], made)


def _change(change: Change) -> _Case:
    name = f"{change.kind} {change.fingerprint}: {change.sentence}"
    sides = f"{change.where}\nwas: {value(change.old)}\nis: {value(change.new)}\neffect: {change.effect}"
    example = f"\n{change.example.text}\n{change.example.outcome}" if change.example else ""
    if change.accepted:
        return _Case(name, f"drift.{change.level}", "skipped", f"accepted: {change.accepted.reason}")
    kind = "failure" if change.level >= Level.COMPATIBLE else ""
    return _Case(name, f"drift.{change.level}", kind, change.sentence, sides + example)


def _behaviour(behaviour: Behaviour) -> Iterator[_Case]:
    if behaviour.case == "could-not-look":
        yield _Case("the server", "drift.behaviour", "error" if behaviour.failed else "skipped", behaviour.note)
        return
    yield _Case("the server", "drift.behaviour", text=behaviour.sentence)
    for violation in behaviour.violations:
        yield _Case(violation, "drift.behaviour", "failure", violation)
    for question, old, new in behaviour.moved:
        yield _Case(question, "drift.behaviour", "failure", f"was {old}, is {new}")


def _render(cases: list[_Case], made: str) -> str:
    def count(kind: str) -> str:
        return str(sum(case.kind == kind for case in cases))

    sums = {"tests": str(len(cases)), "failures": count("failure"), "errors": count("error")}
    root = ET.Element("testsuites", {"name": SUITE, **sums, "time": "0"})
    more = {"skipped": count("skipped"), "time": "0", "timestamp": made.removesuffix("Z"), "hostname": "localhost"}
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **sums, **more})
    for case in cases:
        node = ET.SubElement(suite, "testcase", {"name": xml(case.name)[:500], "classname": case.group, "time": "0"})
        if case.kind:
            inner = ET.SubElement(node, case.kind, {"message": xml(case.message)})
            if case.kind != "skipped":
                inner.set("type", case.group)
                inner.text = xml(case.text)
        elif case.text:
            ET.SubElement(node, "system-out").text = xml(case.text)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'

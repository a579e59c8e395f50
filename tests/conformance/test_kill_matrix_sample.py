"""A sample of the kill matrix: a mutant of each kind, each against the part of the suite that is about it.

`kill_matrix.py` does all of them against all of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conformance.kill_matrix import Matrix, legal_readings, markdown, matrix_of, mutant
from conformance.kill_notes import Notes
from conformance.kill_run import Job, Outcome, findings, pool, run_suite
from conformance.mutants import MUTANTS

SAMPLE = {
    "test_access.py": "any-key",
    "test_rows.py": "limit-plus-one",
    "test_parameters.py": "naive-end-is-local",
}


def test_mutants_are_killed_and_a_reading_passes() -> None:
    jobs = {name: replace(mutant(name), files=(f"tests/conformance/{file}",)) for file, name in SAMPLE.items()}
    legal = Job(readings=("label-end", "descending"), files=("tests/conformance/test_rows.py",))
    with pool(2) as workers:
        runs = {name: workers.submit(run_suite, job) for name, job in jobs.items()}
        passing = workers.submit(run_suite, legal).result()
        outcomes = {name: run.result() for name, run in runs.items()}
    assert (passing.failed, passing.fault) == ({}, "")
    assert passing.passed > 0
    for name, outcome in outcomes.items():
        assert not outcome.fault
        assert outcome.by_clause(MUTANTS[name].clauses), f"{name} is killed by none of its clauses: {outcome.failed}"


def test_a_run_that_does_not_start_says_why() -> None:
    with pool(1) as workers:
        outcome = workers.submit(run_suite, Job(mutants=("no-such-mutant",))).result()
    assert "USAGE_ERROR" in outcome.fault
    assert not outcome.failed


def test_only_a_test_of_a_violated_clause_counts() -> None:
    matrix = Matrix()
    matrix.mutants["any-key"] = Outcome(3, {"test_x": frozenset({"limit.type-1"})}, 1.0)
    matrix.mutants["mean"] = Outcome(3, {"test_y": frozenset({"bucket.last-sample-1"})}, 1.0)
    matrix.mutants["limit-ignored"] = Outcome(4, {}, 1.0)
    matrix.mutants["no-key-at-all"] = Outcome(0, {"test_z": frozenset({"access.key-needed-1"})}, 1.0, "broke off")
    assert matrix.missed == ["any-key", "limit-ignored", "no-key-at-all"]
    text = markdown(matrix)
    assert "mutants killed: 1 of 4" in text
    assert "| **survives** | none of these clauses; 0 of others |" in text


def test_a_reading_that_fails_is_a_false_alarm() -> None:
    matrix = Matrix(readings={("gzip",): Outcome(3, {}, 1.0), (): Outcome(2, {"test_x": frozenset()}, 1.0)})
    assert matrix.false_alarms == [()]
    assert "**false alarm**: plain: test_x" in markdown(matrix)


def test_what_schemathesis_says_of_the_correct_server_does_not_count() -> None:
    matrix = Matrix(
        mutants={"mean": Outcome(1, {}, 1.0)}, generic={"mean": frozenset({"Undocumented status code 422"})}
    )
    matrix.correct = frozenset({"Undocumented status code 422"})
    assert not matrix.found_by_generic("mean")
    assert "| not found |" in markdown(matrix)


def test_notes_remember_runs_but_not_those_that_broke_off(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    notes.add("mutant mean", Outcome(3, {"test_y": frozenset({"bucket.last-sample-1"})}, 1.0))
    notes.add("reading gzip", Outcome(0, {}, 1.0, "broke off"))
    notes.add("generic mean", frozenset({"Response violates schema"}))
    assert matrix_of(notes, ["mutant mean", "reading gzip", "generic mean"]).false_alarms == [("gzip",)]
    again = Notes(tmp_path / "notes")
    assert not again.knows("reading gzip")
    matrix = matrix_of(again, ["mutant mean", "generic mean"])
    assert matrix.missed == []
    assert matrix.found_by_generic("mean") == {"Response violates schema"}


def test_findings_are_read_from_the_output() -> None:
    output = (
        "1. Test Case ID: a\n\n- ST103 Undocumented status code\n\n    Received: 204\n    Documented: 200\n\n"
        "- ST301 Response violates schema\n\n    None is not of type 'array'\n"
    )
    assert list(findings(output)) == ["Undocumented status code 204", "Response violates schema"]


def test_readings_are_the_plain_one_all_single_ones_and_the_pairs_that_go_together() -> None:
    readings = legal_readings()
    assert readings[0] == ()
    assert ("decimals-18", "decimals-integer") not in readings
    assert len(readings) == len(set(readings)) > 100

"""The kill matrix: what counts as killed, the journal, and the Markdown."""

from __future__ import annotations

from pathlib import Path

from conformance.kill_matrix import Matrix, jobs_for, legal_readings, markdown, matrix_of
from conformance.kill_run import Outcome, failures_in
from conformance.mutants import STYLES
from conformance.run_journal import RunJournal


def test_a_mutant_is_killed_only_by_a_test_of_a_clause_that_it_violates() -> None:
    matrix = Matrix()
    matrix.mutants["any-key"] = Outcome(3, {"test_x": frozenset({"limit.type-1"})}, 1.0)
    matrix.mutants["mean"] = Outcome(3, {"test_y": frozenset({"bucket.last-sample-1"})}, 1.0)
    matrix.mutants["limit-ignored"] = Outcome(4, {}, 1.0)
    matrix.mutants["no-key-at-all"] = Outcome(0, {"test_z": frozenset({"access.key-needed-1"})}, 1.0, "broke off")
    assert matrix.survivors == ["any-key", "limit-ignored", "no-key-at-all"]
    text = markdown(matrix)
    assert "mutants killed: 1 of 4" in text
    assert "| **survives** | none of these clauses; 0 of other clauses |" in text


def test_a_reading_that_fails_is_a_false_alarm() -> None:
    matrix = Matrix(readings={("gzip",): Outcome(3, {}, 1.0), (): Outcome(2, {"test_x": frozenset()}, 1.0)})
    assert matrix.false_alarms == [()]
    assert "**false alarm**: plain: test_x" in markdown(matrix)


def test_a_style_that_fails_is_a_false_alarm() -> None:
    slow, sparse = Outcome(3, {}, 1.0, "", 140, 0), Outcome(2, {"test_x": frozenset()}, 1.0, "", 120, 9)
    matrix = Matrix(styles={("slow",): slow, ("sparse-1h", "label-end"): sparse})
    assert matrix.false_alarms == [("sparse-1h", "label-end")]
    text = markdown(matrix)
    assert "styles of correct servers passed: 1 of 2" in text
    assert "at most 140" in text
    assert "| combined | **false alarm**: test_x | 9 | 120 |" in text


def test_what_schemathesis_reports_for_the_correct_server_does_not_count() -> None:
    reported = frozenset({"Server error"})
    matrix = Matrix(mutants={"mean": Outcome(1, {}, 1.0)}, schemathesis={"mean": reported}, baseline=reported)
    assert not matrix.schemathesis_failures("mean")
    assert "| not found |" in markdown(matrix)


def test_a_refusal_that_only_a_run_against_a_mutant_met_does_not_count(tmp_path: Path) -> None:
    """Whether schemathesis asks for an unknown market is chance: one run met a 404, and the three of the baseline did not."""
    journal = RunJournal(tmp_path / "journal")
    journal.add("baseline 1", frozenset({"Schema-valid request rejected"}))
    journal.add("schemathesis mean", frozenset({"Undocumented status code 404", "Undocumented status code 500"}))
    matrix = matrix_of(journal, ["baseline 1", "schemathesis mean"])
    assert matrix.schemathesis_failures("mean") == {"Undocumented status code 500"}
    assert "Schema-valid request rejected" in matrix.baseline


def test_the_journal_keeps_finished_runs_but_not_those_that_broke_off(tmp_path: Path) -> None:
    journal = RunJournal(tmp_path / "journal")
    journal.add("mutant mean", Outcome(3, {"test_y": frozenset({"bucket.last-sample-1"})}, 1.0))
    journal.add("reading gzip", Outcome(0, {}, 0.0, "broke off"))
    journal.add("schemathesis mean", frozenset({"Response violates schema"}))
    names = ["mutant mean", "reading gzip", "schemathesis mean"]
    assert matrix_of(journal, names).false_alarms == [("gzip",)]
    reopened = RunJournal(tmp_path / "journal")
    assert [name for name in names if reopened.has(name)] == ["mutant mean", "schemathesis mean"]
    matrix = matrix_of(reopened, ["mutant mean", "schemathesis mean"])
    assert matrix.survivors == []
    assert matrix.schemathesis_failures("mean") == {"Response violates schema"}


def test_the_failures_in_the_output_of_schemathesis_are_read() -> None:
    output = (
        "1. Test Case ID: a\n\n- ST103 Undocumented status code\n\n    Received: 204\n    Documented: 200\n\n"
        "- ST301 Response violates schema\n\n    None is not of type 'array'\n"
    )
    assert list(failures_in(output)) == ["Undocumented status code 204", "Response violates schema"]


def test_the_jobs_are_all_mutants_readings_and_schemathesis_runs() -> None:
    jobs = jobs_for(["mean"], readings=True, styles=True, schemathesis=True)
    assert jobs["style sparse-1h"][1].style == "sparse-1h"
    names = [name for name in jobs if not name.startswith(("reading ", "style "))]
    assert names == ["mutant mean", "baseline 1", "baseline 2", "baseline 3", "schemathesis mean"]
    assert len(jobs) - len(names) == len(legal_readings()) + 2 * len(STYLES)


def test_legal_readings_are_single_ones_and_compatible_pairs() -> None:
    readings = legal_readings()
    assert readings[0] == ()
    assert ("decimals-18", "decimals-integer") not in readings
    assert len(readings) == len(set(readings)) > 100

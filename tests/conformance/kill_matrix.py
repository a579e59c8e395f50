"""Show that the suite kills every mutant and passes every legal reading and every style of a correct server.

    python tests/conformance/kill_matrix.py [--only NAME...] [--readings] [--styles] [--schemathesis] [--output FILE]
        [--journal FILE] [--jobs N]

A mutant is a sandbox with one contract violation. It is killed if a test fails that is marked with a clause which the
mutant violates. Prints one line for each run. The exit status is 0 if every mutant is killed and every reading
and style passes, otherwise 1. `--output` writes the result as Markdown; KILL_MATRIX.md is the committed one.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts the folder of a script first on the path; the suite is imported as `conformance` from the one above.
    sys.path[0] = str(Path(__file__).parents[1])

import argparse
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from typing import Final, TypeAlias

from allium_market_data.sandbox.readings import READINGS
from allium_market_data_wire.contract import OPEN_INTEREST
from conformance.document import Document
from conformance.kill_run import (
    EXAMPLES,
    Job,
    Outcome,
    pool,
    run_schemathesis,
    run_suite,
    schemathesis_command,
    schemathesis_version,
)
from conformance.mutants import GROUPS, MUTANTS, STYLES, Mutant
from conformance.run_journal import RunJournal

_BASELINE_SEEDS: Final = (1, 2, 3)
_REFUSALS: Final = frozenset(f"Undocumented status code {status}" for status in (401, 404, 422))
"""A correct server refuses requests that the document allows. Which of them schemathesis generates is chance."""
_OTHER: Final = ("end-inclusive", "label-end", "cut-samples", "descending", "keep-latest", "history-refused")
Run: TypeAlias = Callable[[Job], Outcome | frozenset[str]]


@dataclass
class Matrix:
    """The results of all runs."""

    mutants: dict[str, Outcome] = field(default_factory=dict)
    readings: dict[tuple[str, ...], Outcome] = field(default_factory=dict)
    styles: dict[tuple[str, ...], Outcome] = field(default_factory=dict)
    """By the name of the style, and of the readings that it is combined with."""
    schemathesis: dict[str, frozenset[str] | None] | None = None
    """The failures that schemathesis reports for each mutant; None for a run that broke off."""
    baseline: frozenset[str] = _REFUSALS
    """The failures that schemathesis may report for the correct sandbox."""

    def killers(self, name: str) -> list[str]:
        """The failed tests of a clause that this mutant violates."""
        return self.mutants[name].failed_for(MUTANTS[name].clauses)

    @property
    def survivors(self) -> list[str]:
        """The mutants that no test of their clauses has killed."""
        return [name for name, outcome in self.mutants.items() if outcome.error or not self.killers(name)]

    @property
    def false_alarms(self) -> list[tuple[str, ...]]:
        """The legal readings and the styles that did not pass."""
        correct = {**self.readings, **self.styles}
        return [names for names, outcome in correct.items() if outcome.error or outcome.failed]

    @property
    def most_requests(self) -> int:
        """The most requests that a run against a correct server has sent."""
        return max((outcome.requests for outcome in (*self.readings.values(), *self.styles.values())), default=0)

    def schemathesis_failures(self, name: str) -> frozenset[str]:
        """What schemathesis reports for this mutant, and cannot report for the correct sandbox."""
        return ((self.schemathesis or {}).get(name) or frozenset()) - self.baseline


def legal_readings() -> list[tuple[str, ...]]:
    """The plain reading, each departure from it, and each compatible pair of departures."""
    combined = [names for count in (0, 1, 2) for names in combinations(READINGS, count)]
    return [names for names in combined if len({READINGS[name].field for name in names}) == len(names)]


def mutant_job(name: str) -> Job:
    """The whole suite against this mutant, until it is killed."""
    return Job(mutants=(name,), until=frozenset(MUTANTS[name].clauses))


def legal_styles() -> list[tuple[str, ...]]:
    """Each style, under the plain reading and under one that departs from it in every question about rows."""
    return [(name, *readings) for name in STYLES for readings in ((), _OTHER)]


def jobs_for(
    names: Sequence[str], *, readings: bool = False, styles: bool = False, schemathesis: bool = False
) -> dict[str, tuple[Run, Job]]:
    """All jobs by name: ``mutant NAME``, ``reading A+B``, ``style NAME+A``, ``baseline SEED``, ``schemathesis NAME``."""
    jobs: dict[str, tuple[Run, Job]] = {f"mutant {name}": (run_suite, mutant_job(name)) for name in names}
    if readings:
        jobs |= {f"reading {'+'.join(combined)}": (run_suite, Job(readings=combined)) for combined in legal_readings()}
    if styles:
        jobs |= {f"style {'+'.join(s)}": (run_suite, Job(style=s[0], readings=s[1:])) for s in legal_styles()}
    if schemathesis:
        jobs |= {f"baseline {seed}": (run_schemathesis, Job(seed=seed)) for seed in _BASELINE_SEEDS}
        jobs |= {f"schemathesis {name}": (run_schemathesis, Job(mutants=(name,))) for name in names}
    return jobs


def run_all(jobs: dict[str, tuple[Run, Job]], journal: RunJournal, processes: int) -> None:
    """Run the jobs that are not in the journal yet, and add them to it."""
    with pool(processes) as workers:
        futures = {workers.submit(run, job): name for name, (run, job) in jobs.items() if not journal.has(name)}
        for future in as_completed(futures):
            name, error = futures[future], future.exception()
            if error is None:
                journal.add(name, future.result())
            elif name.startswith(("mutant", "reading", "style")):
                journal.add(name, Outcome(0, {}, 0.0, repr(error)))
            print(f"{name:<55} {_summary(name, journal) if error is None else repr(error)}", flush=True)


def matrix_of(journal: RunJournal, names: Collection[str]) -> Matrix:
    """The matrix of the jobs with these names."""
    matrix = Matrix(schemathesis={} if any(name.startswith("schemathesis ") for name in names) else None)
    for name in names:
        kind, _, subject = name.partition(" ")
        if kind == "mutant":
            matrix.mutants[subject] = journal.outcomes[name]
        elif kind == "reading":
            matrix.readings[tuple(filter(None, subject.split("+")))] = journal.outcomes[name]
        elif kind == "style":
            matrix.styles[tuple(subject.split("+"))] = journal.outcomes[name]
        elif kind == "baseline":
            matrix.baseline |= journal.failures.get(name, frozenset())
        elif matrix.schemathesis is not None:
            matrix.schemathesis[subject] = journal.failures.get(name)
    return matrix


def _summary(name: str, journal: RunJournal) -> str:
    if name in journal.failures:
        return "; ".join(sorted(journal.failures[name])) or "nothing found"
    outcome = journal.outcomes[name]
    if outcome.error:
        return f"BROKE OFF: {outcome.error}"
    kind, _, subject = name.partition(" ")
    if kind in ("reading", "style"):
        passed = f"passed in {outcome.requests} requests, {outcome.not_shown} tests not shown"
        return f"FALSE ALARM: {', '.join(outcome.failed)}" if outcome.failed else passed
    killers = outcome.failed_for(MUTANTS[subject].clauses)
    if killers:
        return f"killed by {killers[0]}"
    return f"SURVIVED the tests of its clauses; other failed tests: {', '.join(outcome.failed) or 'none'}"


def markdown(matrix: Matrix) -> str:
    """The matrix as Markdown."""
    return "\n".join([*_head(matrix), *_mutants(matrix), *_readings(matrix), *_styles(matrix), ""])


def _head(matrix: Matrix) -> Iterator[str]:
    killed = len(matrix.mutants) - len(matrix.survivors)
    yield "# Kill matrix"
    yield ""
    yield "Written by `nox -s kill_matrix`; do not edit. A mutant is a sandbox with one contract violation"
    yield "(`pytest tests/conformance --mutant NAME`). It is killed if a test fails that is marked with a clause which the"
    yield "mutant violates. The run stops at the first such test, which the table names."
    yield ""
    yield f"- date: {datetime.now(UTC).date()}"
    yield f"- document (SHA-256): `{Document.load(OPEN_INTEREST).digest}`"
    yield f"- mutants killed: {killed} of {len(matrix.mutants)}"
    if matrix.readings:
        passed = len(matrix.readings) - len(matrix.false_alarms)
        yield f"- legal readings and pairs of readings passed: {passed} of {len(matrix.readings)}"
    if matrix.styles:
        passed = sum(not (outcome.failed or outcome.error) for outcome in matrix.styles.values())
        yield f"- styles of correct servers passed: {passed} of {len(matrix.styles)}"
        yield f"- requests of a run against a correct server: at most {matrix.most_requests}"
    if matrix.schemathesis is not None:
        found = sum(bool(matrix.schemathesis_failures(name)) for name in matrix.schemathesis)
        yield f"- mutants that schemathesis finds: {found} of {len(matrix.schemathesis)}"
        yield ""
        yield f"{schemathesis_version()} ran with its default checks, the published document, a valid key, {EXAMPLES} examples"
        yield "for each mutant, and `--continue-on-failure`. For the *correct* sandbox it may report:"
        yield f"{', '.join(sorted(matrix.baseline))}."
        yield "It finds a mutant if it reports something else."


def _mutants(matrix: Matrix) -> Iterator[str]:
    column, rule = (" schemathesis |", " --- |") if matrix.schemathesis is not None else ("", "")
    for group, mutants in GROUPS.items():
        present = [mutant for mutant in mutants if mutant.name in matrix.mutants]
        if not present:
            continue
        yield ""
        yield f"## {group.capitalize()}"
        yield ""
        yield f"| mutant | violation | clauses | the suite | failed test |{column}"
        yield f"| --- | --- | --- | --- | --- |{rule}"
        yield from (_row(matrix, mutant) for mutant in present)


def _row(matrix: Matrix, mutant: Mutant) -> str:
    name = mutant.name
    outcome, killers = matrix.mutants[name], matrix.killers(name)
    verdict = "**survives**" if name in matrix.survivors else "killed"
    test = f"`{killers[0]}`" if killers else f"none of these clauses; {len(outcome.failed)} of other clauses"
    cells = [f"`{name}`", mutant.description, ", ".join(mutant.clauses), verdict, test]
    if matrix.schemathesis is not None:
        failures = "; ".join(sorted(matrix.schemathesis_failures(name))) or "not found"
        cells.append("broke off" if matrix.schemathesis[name] is None else failures)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _readings(matrix: Matrix) -> Iterator[str]:
    if not matrix.readings:
        return
    yield ""
    yield "## Legal readings"
    yield ""
    yield f"The plain reading, {len(READINGS)} departures from it ({', '.join(READINGS)}), and every compatible pair."
    alarms = [names for names in matrix.readings if names in matrix.false_alarms]
    for names in alarms:
        outcome = matrix.readings[names]
        yield f"- **false alarm**: {' + '.join(names) or 'plain'}: {outcome.error or ', '.join(outcome.failed)}"
    if not alarms:
        yield "All passed."


def _styles(matrix: Matrix) -> Iterator[str]:
    if not matrix.styles:
        return
    yield ""
    yield "## Styles of correct servers"
    yield ""
    yield f"Each under the plain reading, and combined with {', '.join(_OTHER)}. A quiet market cannot show everything."
    yield ""
    yield "| style | reading | the suite | not shown | requests |"
    yield "| --- | --- | --- | --- | --- |"
    for (name, *readings), outcome in matrix.styles.items():
        problem = outcome.error or ", ".join(outcome.failed)
        verdict = f"**false alarm**: {problem}" if problem else "passes"
        cells = (f"`{name}`: {STYLES[name].description}", "combined" if readings else "plain", verdict)
        yield f"| {' | '.join(cells)} | {outcome.not_shown} | {outcome.requests} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="*", metavar="NAME", choices=MUTANTS, default=list(MUTANTS), help="only these mutants"
    )
    parser.add_argument("--readings", action="store_true", help="also run every legal reading and compatible pair")
    parser.add_argument("--styles", action="store_true", help="also run every style of a correct server")
    parser.add_argument("--schemathesis", action="store_true", help="also run schemathesis against the same mutants")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result to this Markdown file")
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="keep finished runs in this file, and resume from it"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="parallel runs (default: 2)")
    options = parser.parse_args(arguments)
    if options.schemathesis and schemathesis_command() is None:
        parser.error("schemathesis is not installed: use `nox -s kill_matrix`, or leave out --schemathesis")
    began = time.monotonic()
    jobs = jobs_for(options.only, readings=options.readings, styles=options.styles, schemathesis=options.schemathesis)
    journal = RunJournal(options.journal)
    run_all(jobs, journal, options.jobs)
    matrix = matrix_of(journal, jobs)
    if options.output:
        options.output.write_text(markdown(matrix), encoding="utf-8")
    print(f"{len(matrix.mutants)} mutants, {len(matrix.survivors)} survived: {', '.join(matrix.survivors) or '-'}")
    print(
        f"{len(matrix.readings)} readings, {len(matrix.styles)} styles, {len(matrix.false_alarms)} false alarms; "
        f"at most {matrix.most_requests} requests; {time.monotonic() - began:.0f} s"
    )
    return 1 if matrix.survivors or matrix.false_alarms else 0


if __name__ == "__main__":
    sys.exit(main())

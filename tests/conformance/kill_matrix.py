"""Show that the suite kills every mutant and passes every legal reading of the specification.

    python tests/conformance/kill_matrix.py [--only NAME...] [--readings] [--schemathesis] [--output FILE]
        [--journal FILE] [--jobs N]

A mutant is a sandbox with one contract violation. It is killed if a test fails that is marked with a clause which the
mutant violates. Prints one line for each run. The exit status is 0 if every mutant is killed and every reading passes,
otherwise 1. `--output` writes the result as Markdown; KILL_MATRIX.md is the committed one.
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
from conformance.mutants import GROUPS, MUTANTS, Mutant
from conformance.run_journal import RunJournal

_BASELINE_SEEDS: Final = (1, 2, 3)
Run: TypeAlias = Callable[[Job], Outcome | frozenset[str]]


@dataclass
class Matrix:
    """The results of all runs."""

    mutants: dict[str, Outcome] = field(default_factory=dict)
    readings: dict[tuple[str, ...], Outcome] = field(default_factory=dict)
    schemathesis: dict[str, frozenset[str] | None] | None = None
    """The failures that schemathesis reports for each mutant; None for a run that broke off."""
    baseline: frozenset[str] = frozenset()
    """The failures that schemathesis reports for the correct sandbox."""

    def killers(self, name: str) -> list[str]:
        """The failed tests of a clause that this mutant violates."""
        return self.mutants[name].failed_for(MUTANTS[name].clauses)

    @property
    def survivors(self) -> list[str]:
        """The mutants that no test of their clauses has killed."""
        return [name for name, outcome in self.mutants.items() if outcome.error or not self.killers(name)]

    @property
    def false_alarms(self) -> list[tuple[str, ...]]:
        """The legal readings that did not pass."""
        return [names for names, outcome in self.readings.items() if outcome.error or outcome.failed]

    def schemathesis_failures(self, name: str) -> frozenset[str]:
        """What schemathesis reports for this mutant, but not for the correct sandbox."""
        return ((self.schemathesis or {}).get(name) or frozenset()) - self.baseline


def legal_readings() -> list[tuple[str, ...]]:
    """The plain reading, each departure from it, and each compatible pair of departures."""
    combined = [names for count in (0, 1, 2) for names in combinations(READINGS, count)]
    return [names for names in combined if len({READINGS[name].field for name in names}) == len(names)]


def mutant_job(name: str) -> Job:
    """The whole suite against this mutant, until it is killed."""
    return Job(mutants=(name,), until=frozenset(MUTANTS[name].clauses))


def jobs_for(names: Sequence[str], *, readings: bool, schemathesis: bool) -> dict[str, tuple[Run, Job]]:
    """All jobs by name: ``mutant NAME``, ``reading A+B``, ``baseline SEED`` and ``schemathesis NAME``."""
    jobs: dict[str, tuple[Run, Job]] = {f"mutant {name}": (run_suite, mutant_job(name)) for name in names}
    if readings:
        jobs |= {f"reading {'+'.join(combined)}": (run_suite, Job(readings=combined)) for combined in legal_readings()}
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
            elif name.startswith(("mutant", "reading")):
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
    if kind == "reading":
        return f"FALSE ALARM: {', '.join(outcome.failed)}" if outcome.failed else "passed"
    killers = outcome.failed_for(MUTANTS[subject].clauses)
    if killers:
        return f"killed by {killers[0]}"
    return f"SURVIVED the tests of its clauses; other failed tests: {', '.join(outcome.failed) or 'none'}"


def markdown(matrix: Matrix) -> str:
    """The matrix as Markdown."""
    return "\n".join([*_head(matrix), *_mutants(matrix), *_readings(matrix), ""])


def _head(matrix: Matrix) -> Iterator[str]:
    killed = len(matrix.mutants) - len(matrix.survivors)
    yield "# Kill matrix"
    yield ""
    yield "Written by `nox -s kill_matrix`; do not edit. A mutant is a sandbox with one contract violation"
    yield "(`pytest tests/conformance --mutant NAME`). It is killed if a test fails that is marked with a clause which the"
    yield "mutant violates. The run stops at the first such test, which the table names."
    yield ""
    yield f"- date: {datetime.now(UTC).date()}"
    yield f"- document (SHA-256): `{Document.load().digest}`"
    yield f"- mutants killed: {killed} of {len(matrix.mutants)}"
    if matrix.readings:
        passed = len(matrix.readings) - len(matrix.false_alarms)
        yield f"- legal readings and pairs of readings passed: {passed} of {len(matrix.readings)}"
    if matrix.schemathesis is not None:
        found = sum(bool(matrix.schemathesis_failures(name)) for name in matrix.schemathesis)
        yield f"- mutants that schemathesis finds: {found} of {len(matrix.schemathesis)}"
        yield ""
        yield f"{schemathesis_version()} ran with its default checks, the published document, a valid key, {EXAMPLES} examples"
        yield "for each mutant, and `--continue-on-failure`. For the *correct* sandbox it reports:"
        yield f"{', '.join(sorted(matrix.baseline)) or 'nothing'}."
        yield "It finds a mutant if it reports something that it does not report for the correct sandbox."


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
    for names in matrix.false_alarms:
        outcome = matrix.readings[names]
        yield f"- **false alarm**: {' + '.join(names) or 'plain'}: {outcome.error or ', '.join(outcome.failed)}"
    if not matrix.false_alarms:
        yield "All passed."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=MUTANTS, default=list(MUTANTS), help="only these mutants"
    )
    parser.add_argument("--readings", action="store_true", help="also run every legal reading and compatible pair")
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
    jobs = jobs_for(options.only, readings=options.readings, schemathesis=options.schemathesis)
    journal = RunJournal(options.journal)
    run_all(jobs, journal, options.jobs)
    matrix = matrix_of(journal, jobs)
    if options.output:
        options.output.write_text(markdown(matrix), encoding="utf-8")
    print(f"{len(matrix.mutants)} mutants, {len(matrix.survivors)} survived: {', '.join(matrix.survivors) or '-'}")
    print(f"{len(matrix.readings)} readings, {len(matrix.false_alarms)} false alarms; {time.monotonic() - began:.0f} s")
    return 1 if matrix.survivors or matrix.false_alarms else 0


if __name__ == "__main__":
    sys.exit(main())

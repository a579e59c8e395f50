"""Shows that the suite kills every mutant and passes every legal reading of it.

    python tests/conformance/kill_matrix.py [--only NAME...] [--readings] [--schemathesis] [--output FILE] [--notes FILE]
        [--jobs N]

Prints a line a run and ends with 0 if every mutant is killed by a test of a clause that it violates and every reading
passes. ``--output`` writes the table as Markdown; the committed one is ``KILL_MATRIX.md`` beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # As a script, Python puts this folder first, and its profile.py before the standard library's.
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
from conformance.kill_notes import Notes
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

_SEEDS_OF_CORRECT: Final = (1, 2, 3)
Run: TypeAlias = Callable[[Job], Outcome | frozenset[str]]


@dataclass
class Matrix:
    """Everything that was found out."""

    mutants: dict[str, Outcome] = field(default_factory=dict)
    readings: dict[tuple[str, ...], Outcome] = field(default_factory=dict)
    generic: dict[str, frozenset[str] | None] | None = None
    """What schemathesis finds in each mutant; None where it broke off."""
    correct: frozenset[str] = frozenset()
    """What it finds in the correct sandbox."""

    def killers(self, name: str) -> list[str]:
        """The failed tests that are about a clause that this mutant violates."""
        return self.mutants[name].by_clause(MUTANTS[name].clauses)

    @property
    def missed(self) -> list[str]:
        """The mutants that no test of their clauses caught."""
        return [name for name, outcome in self.mutants.items() if outcome.fault or not self.killers(name)]

    @property
    def false_alarms(self) -> list[tuple[str, ...]]:
        """The legal readings that did not pass."""
        return [names for names, outcome in self.readings.items() if outcome.fault or outcome.failed]

    def found_by_generic(self, name: str) -> frozenset[str]:
        """What schemathesis says of this mutant and not of the correct sandbox."""
        return ((self.generic or {}).get(name) or frozenset()) - self.correct


def legal_readings() -> list[tuple[str, ...]]:
    """The plain reading, each departure from it, and each pair of two that go together."""
    names = [names for count in (0, 1, 2) for names in combinations(READINGS, count)]
    return [pair for pair in names if len({READINGS[name].field for name in pair}) == len(pair)]


def mutant(name: str) -> Job:
    """The whole suite against this mutant, until a test of a clause that it violates fails."""
    return Job(mutants=(name,), until=frozenset(MUTANTS[name].clauses))


def runs(names: Sequence[str], *, readings: bool, schemathesis: bool) -> dict[str, tuple[Run, Job]]:
    """What there is to run, by the name of the run: ``mutant NAME``, ``reading A+B``, ``correct SEED``, ``generic NAME``."""
    wanted: dict[str, tuple[Run, Job]] = {f"mutant {name}": (run_suite, mutant(name)) for name in names}
    if readings:
        wanted |= {f"reading {'+'.join(pair)}": (run_suite, Job(readings=pair)) for pair in legal_readings()}
    if schemathesis:
        wanted |= {f"correct {seed}": (run_schemathesis, Job(seed=seed)) for seed in _SEEDS_OF_CORRECT}
        wanted |= {f"generic {name}": (run_schemathesis, Job(mutants=(name,))) for name in names}
    return wanted


def try_all(wanted: dict[str, tuple[Run, Job]], notes: Notes, processes: int) -> None:
    """Run what ``notes`` do not know yet, and note it."""
    with pool(processes) as workers:
        started = {workers.submit(run, job): name for name, (run, job) in wanted.items() if not notes.knows(name)}
        for finished in as_completed(started):
            name, error = started[finished], finished.exception()
            if error is None:
                notes.add(name, finished.result())
            elif name.startswith(("mutant", "reading")):
                notes.add(name, Outcome(0, {}, 0.0, repr(error)))
            print(f"{name:<55} {_said(name, notes) if error is None else repr(error)}", flush=True)


def matrix_of(notes: Notes, wanted: Collection[str]) -> Matrix:
    """The matrix of the runs that were ``wanted``."""
    matrix = Matrix(generic={} if any(name.startswith("generic ") for name in wanted) else None)
    for name in wanted:
        kind, _, what = name.partition(" ")
        if kind == "mutant":
            matrix.mutants[what] = notes.outcomes[name]
        elif kind == "reading":
            matrix.readings[tuple(filter(None, what.split("+")))] = notes.outcomes[name]
        elif kind == "correct":
            matrix.correct |= notes.found.get(name, frozenset())
        elif matrix.generic is not None:
            matrix.generic[what] = notes.found.get(name)
    return matrix


def _said(name: str, notes: Notes) -> str:
    if name in notes.found:
        return "; ".join(sorted(notes.found[name])) or "nothing found"
    outcome = notes.outcomes[name]
    if outcome.fault:
        return f"NO RUN: {outcome.fault}"
    kind, _, what = name.partition(" ")
    if kind == "reading":
        return f"FALSE ALARM: {', '.join(outcome.failed)}" if outcome.failed else "passed"
    killers = outcome.by_clause(MUTANTS[what].clauses)
    return (
        f"killed by {killers[0]}"
        if killers
        else f"SURVIVED its clauses; of others: {', '.join(outcome.failed) or 'none'}"
    )


def markdown(matrix: Matrix) -> str:
    """The matrix for people."""
    return "\n".join([*_head(matrix), *_mutants(matrix), *_readings(matrix), ""])


def _head(matrix: Matrix) -> Iterator[str]:
    killed = len(matrix.mutants) - len(matrix.missed)
    yield "# The suite against its mutants"
    yield ""
    yield "Written by `nox -s kill_matrix`; never edited. A mutant is a sandbox"
    yield "that breaks the contract in one way (`pytest tests/conformance --mutant NAME`). It counts as killed if a test"
    yield "fails that is about a clause that it breaks; the first such test is named, and ends the run."
    yield ""
    yield f"- date: {datetime.now(UTC).date()}"
    yield f"- document (SHA-256): `{Document.load().digest}`"
    yield f"- mutants killed: {killed} of {len(matrix.mutants)}"
    if matrix.readings:
        passed = len(matrix.readings) - len(matrix.false_alarms)
        yield f"- legal readings and pairs of readings passed: {passed} of {len(matrix.readings)}"
    if matrix.generic is not None:
        found = sum(bool(matrix.found_by_generic(name)) for name in matrix.generic)
        yield f"- mutants that schemathesis finds: {found} of {len(matrix.generic)}"
    if matrix.generic is not None:
        yield ""
        yield f"{schemathesis_version()} ran with its default checks, the document as published, the key, {EXAMPLES} examples"
        yield "a mutant, and was told to go on after failures. On the *correct* sandbox it already fails with:"
        yield f"{', '.join(sorted(matrix.correct)) or 'nothing'}."
        yield "It counts as having found a mutant if it says something that it does not say of the correct sandbox."


def _mutants(matrix: Matrix) -> Iterator[str]:
    generic = matrix.generic is not None
    for group, mutants in GROUPS.items():
        tried = [mutant for mutant in mutants if mutant.name in matrix.mutants]
        if not tried:
            continue
        yield ""
        yield f"## {group.capitalize()}"
        yield ""
        yield f"| mutant | what it does | clauses | the suite | the test that fails |{' schemathesis |' if generic else ''}"
        yield f"| --- | --- | --- | --- | --- |{' --- |' if generic else ''}"
        yield from (_row(matrix, mutant) for mutant in tried)


def _row(matrix: Matrix, mutant: Mutant) -> str:
    name = mutant.name
    outcome, killers = matrix.mutants[name], matrix.killers(name)
    verdict = "**survives**" if name in matrix.missed else "killed"
    test = f"`{killers[0]}`" if killers else f"none of these clauses; {len(outcome.failed)} of others"
    cells = [f"`{name}`", mutant.description, ", ".join(mutant.clauses), verdict, test]
    if matrix.generic is not None:
        found = "; ".join(sorted(matrix.found_by_generic(name))) or "not found"
        cells.append("broke off" if matrix.generic[name] is None else found)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _readings(matrix: Matrix) -> Iterator[str]:
    if not matrix.readings:
        return
    yield ""
    yield "## Legal readings"
    yield ""
    yield f"The plain one, {len(READINGS)} departures from it ({', '.join(READINGS)}), and every pair that goes together."
    for names in matrix.false_alarms:
        outcome = matrix.readings[names]
        yield f"- **false alarm**: {' + '.join(names) or 'plain'}: {outcome.fault or ', '.join(outcome.failed)}"
    if not matrix.false_alarms:
        yield "All passed."


def main(arguments: Sequence[str] | None = None) -> int:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=MUTANTS, default=list(MUTANTS))
    parser.add_argument("--readings", action="store_true", help="every legal reading and pair as well")
    parser.add_argument("--schemathesis", action="store_true", help="the same mutants against schemathesis")
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    parser.add_argument(
        "--notes", type=Path, help="a file that remembers finished runs, to go on after an interruption"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many runs at a time")
    given = parser.parse_args(arguments)
    if given.schemathesis and schemathesis_command() is None:
        parser.error("schemathesis is not installed")
    began = time.monotonic()
    wanted = runs(given.only, readings=given.readings, schemathesis=given.schemathesis)
    notes = Notes(given.notes)
    try_all(wanted, notes, given.jobs)
    matrix = matrix_of(notes, wanted)
    if given.output:
        given.output.write_text(markdown(matrix), encoding="utf-8")
    print(
        f"{len(matrix.mutants)} mutants, {len(matrix.missed)} not killed by their clauses: {', '.join(matrix.missed) or '-'}"
    )
    print(f"{len(matrix.readings)} readings, {len(matrix.false_alarms)} false alarms; {time.monotonic() - began:.0f} s")
    return 1 if matrix.missed or matrix.false_alarms else 0


if __name__ == "__main__":
    sys.exit(main())

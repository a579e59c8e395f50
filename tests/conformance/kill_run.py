"""One run of the suite, or of schemathesis, against a mutant or another reading of the sandbox.

Each call runs in a new process, forked from a server process that has already imported the large packages. Without that,
several hundred runs would take too long.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from allium_market_data_wire.contract import KEY_HEADER
from conformance.outcomes import PROPERTY, NotShownError

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = "tests/conformance"
DOCUMENT: Final = ROOT / "spec" / "openapi.yaml"
EXAMPLES: Final = 30
"""How many examples schemathesis generates for each mutant."""
_PRELOAD: Final = ["pytest", "hypothesis", "jsonschema", "httpx", "yaml", "duckdb", "fastapi", "uvicorn"]
_RUN_SECONDS: Final = 300
# Runs are independent of each other and of the run that started them.
_QUIET = ["-q", "--tb=no", "--assert=plain"]
_QUIET += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "cov", "schemathesis")]
# This module gives the same result for every mutant.
_IGNORED: Final = ["--ignore-glob=*/test_clauses.py"]


@dataclass(frozen=True)
class Job:
    """What to run, and against which sandbox."""

    readings: tuple[str, ...] = ()
    mutants: tuple[str, ...] = ()
    style: str | None = None
    files: tuple[str, ...] = (SUITE,)
    """The part of the suite to run."""
    until: frozenset[str] = frozenset()
    """Stop at the first failed test of one of these clauses: the mutant is killed."""
    seed: int = 1
    """For schemathesis."""


@dataclass(frozen=True)
class Outcome:
    """The result of one run of the suite."""

    passed: int
    failed: dict[str, frozenset[str]]
    """The clauses of each failed test, by the name of the test."""
    seconds: float
    error: str = ""
    """Why the run broke off; empty if it was complete."""
    requests: int = 0
    """How many requests the run has sent."""
    not_shown: int = 0
    """How many tests the responses could not decide."""

    def failed_for(self, clauses: Sequence[str]) -> list[str]:
        """The failed tests of any of ``clauses``."""
        return [name for name, tested in self.failed.items() if tested.intersection(clauses)]


@dataclass
class _Collector:
    """A pytest plugin that collects failed tests and their clauses."""

    until: frozenset[str]
    passed: int = 0
    failed: dict[str, frozenset[str]] = field(default_factory=dict)
    requests: int = 0
    not_shown: int = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        requester = getattr(item, "funcargs", {}).get("requester")
        self.requests = requester.request_count if requester else self.requests
        self.passed += report.when == "call" and report.passed
        if report.failed:
            clauses = frozenset(clause for mark in item.iter_markers("clause") for clause in mark.args)
            self.failed[item.nodeid.rpartition("/")[2]] = clauses
            if clauses & self.until:
                item.session.shouldfail = "the mutant is killed"
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.not_shown += dict(report.user_properties).get(PROPERTY) == NotShownError.outcome


def run_suite(job: Job) -> Outcome:
    """Run the suite in this process, from the root of the project."""
    changes = [f"--reading={name}" for name in job.readings] + [f"--mutant={name}" for name in job.mutants]
    changes += [f"--style={job.style}"] if job.style else []
    collector = _Collector(job.until)
    began = time.monotonic()
    # Variables of an outer pytest run must not reach the inner one.
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    output = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(
            [*job.files, "--target=sandbox", "--allow-not-shown", *changes, *_QUIET, *_IGNORED], plugins=[collector]
        )
    is_complete = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    error = "" if is_complete else f"{code!r}: {output.getvalue()[-2000:]}"
    seconds = time.monotonic() - began
    return Outcome(collector.passed, collector.failed, seconds, error, collector.requests, collector.not_shown)


def schemathesis_command() -> str | None:
    """The path of schemathesis, next to this Python or on PATH; None if it is not installed."""
    installed = Path(sys.executable).parent / "schemathesis"
    return str(installed) if installed.is_file() else shutil.which("schemathesis")


def schemathesis_version() -> str:
    """The name and version of schemathesis; only the name if it is not installed."""
    command = schemathesis_command()
    if command is None:
        return "schemathesis"
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=_RUN_SECONDS, check=True)
    return shown.stdout.strip().replace(", version", "")


def run_schemathesis(job: Job) -> frozenset[str]:
    """The failures that schemathesis reports with its default checks, the published document and a valid key.

    ``--continue-on-failure``: otherwise it would stop at the first 4xx, because the document names only status 200.
    """
    from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, reading_named, running
    from conformance.clock import Clock
    from conformance.mutants import chosen, mutant_app

    command = schemathesis_command()
    if command is None:
        raise FileNotFoundError("schemathesis is not installed")
    with Samples.open() as samples:
        reading = reading_named(job.readings)
        app = mutant_app(chosen(job.mutants, job.style), samples, reading, DEFAULT_API_KEY, Clock())
        with running(app) as base_url:
            options = ["--url", base_url, "--header", f"{KEY_HEADER}: {DEFAULT_API_KEY}", "--no-color", "--no-shrink"]
            options += ["--continue-on-failure", f"--max-examples={EXAMPLES}", f"--seed={job.seed}"]
            options += ["--generation-database=none"]  # runs are independent of each other
            run = subprocess.run(
                [command, "run", str(DOCUMENT), *options],
                capture_output=True,
                text=True,
                timeout=_RUN_SECONDS,
                check=False,
            )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"schemathesis exited with {run.returncode}: {run.stdout[-1000:]}{run.stderr[-1000:]}")
    return frozenset(failures_in(run.stdout))


_FAILURE: Final = re.compile(
    r"^- (?:ST\d+ )?(?P<title>.+?)(?: \(\d+ violations\))?\n(?:\n {4}Received: (?P<status>\d+))?", re.MULTILINE
)


def failures_in(output: str) -> Iterator[str]:
    """The kinds of failure in the output of schemathesis. An undocumented status includes the status."""
    for match in _FAILURE.finditer(output):
        yield " ".join(part for part in match.group("title", "status") if part)


def pool(processes: int) -> ProcessPoolExecutor:
    """Processes for `run_suite` and `run_schemathesis`, a new one for each call."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1)

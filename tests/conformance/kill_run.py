"""One run of the suite, or of schemathesis, against a sandbox that was changed on purpose; what it found.

The functions here are called in a process of their own each, forked from one that has everything imported already:
that is what makes hundreds of runs bearable.
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

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = "tests/conformance"
DOCUMENT: Final = ROOT / "spec" / "openapi.yaml"
EXAMPLES: Final = 30
"""How many examples schemathesis may make of a mutant."""
_PRELOAD: Final = ["pytest", "hypothesis", "jsonschema", "httpx", "yaml", "duckdb", "fastapi", "uvicorn"]
_RUN_SECONDS: Final = 300
# The suite changes nothing on disk, and knows nothing of how it was started.
_QUIET = ["-q", "--tb=no", "--assert=plain"]
_QUIET += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "cov", "schemathesis")]
# What the mutants are for, and what is the same for all of them.
_LEFT_OUT: Final = [
    "--ignore-glob=*/test_kill_matrix*",
    "--ignore-glob=*/test_clauses.py",
    "--ignore-glob=*/test_recordings.py",
]


@dataclass(frozen=True)
class Job:
    """A sandbox to try."""

    readings: tuple[str, ...] = ()
    mutants: tuple[str, ...] = ()
    files: tuple[str, ...] = (SUITE,)
    """What of the suite is run."""
    until: frozenset[str] = frozenset()
    """The run ends early when a test fails that is about one of these clauses: nothing more is to be shown then."""
    seed: int = 1
    """Of schemathesis."""


@dataclass(frozen=True)
class Outcome:
    """What the suite said."""

    passed: int
    failed: dict[str, frozenset[str]]
    """The clauses of each test that failed, by the test's name."""
    seconds: float
    fault: str = ""
    """Why there was no proper run; empty if there was."""

    def by_clause(self, clauses: Sequence[str]) -> list[str]:
        """The failed tests that are about one of ``clauses``."""
        return [name for name, about in self.failed.items() if about.intersection(clauses)]


@dataclass
class _Collector:
    """A plugin that notes which tests failed, and what they are about."""

    until: frozenset[str]
    passed: int = 0
    failed: dict[str, frozenset[str]] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self.passed += report.when == "call" and report.passed
        if report.failed:
            name = item.nodeid.rpartition("/")[2]
            about = frozenset(clause for mark in item.iter_markers("clause") for clause in mark.args)
            self.failed[name] = about
            if about & self.until:
                item.session.shouldfail = "all is shown"
        return report


def run_suite(job: Job) -> Outcome:
    """The suite in this process, from the root of the project."""
    changes = [f"--reading={name}" for name in job.readings] + [f"--mutant={name}" for name in job.mutants]
    collector = _Collector(job.until)
    began = time.monotonic()
    # What an outer run of pytest says about itself is not for the inner one.
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    output = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main([*job.files, "--target=sandbox", *changes, *_QUIET, *_LEFT_OUT], plugins=[collector])
    fault = (
        "" if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else f"{code!r}: {output.getvalue()[-2000:]}"
    )
    return Outcome(collector.passed, collector.failed, time.monotonic() - began, fault)


def schemathesis_command() -> str | None:
    """Where schemathesis is: beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "schemathesis"
    return str(beside) if beside.is_file() else shutil.which("schemathesis")


def schemathesis_version() -> str:
    """Its name and version, as it says them; only the name where it is not installed."""
    command = schemathesis_command()
    if command is None:
        return "schemathesis"
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=_RUN_SECONDS, check=True)
    return shown.stdout.strip().replace(", version", "")


def run_schemathesis(job: Job) -> frozenset[str]:
    """What schemathesis finds, its checks at their default, with the document as published and the right key.

    It is told to go on after a failure: by default it stops at the first refusal, which the document does not name.
    """
    from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, running
    from conformance.mutants import mutant_endpoint

    command = schemathesis_command()
    if command is None:
        raise FileNotFoundError("schemathesis is not installed")
    with Samples.open() as samples:
        app = create_app(samples, reading_named(job.readings), DEFAULT_API_KEY, mutant_endpoint(job.mutants))
        with running(app) as base_url:
            options = ["--url", base_url, "--header", f"X-API-KEY: {DEFAULT_API_KEY}", "--no-color", "--no-shrink"]
            options += ["--continue-on-failure", f"--max-examples={EXAMPLES}", f"--seed={job.seed}"]
            run = subprocess.run(
                [command, "run", str(DOCUMENT), *options],
                capture_output=True,
                text=True,
                timeout=_RUN_SECONDS,
                check=False,
            )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"schemathesis ended with {run.returncode}: {run.stdout[-1000:]}{run.stderr[-1000:]}")
    return frozenset(findings(run.stdout))


_FINDING: Final = re.compile(
    r"^- (?:ST\d+ )?(?P<title>.+?)(?: \(\d+ violations\))?\n(?:\n {4}Received: (?P<status>\d+))?", re.MULTILINE
)


def findings(output: str) -> Iterator[str]:
    """The kinds of failure in what schemathesis printed; an undocumented status with the status."""
    for found in _FINDING.finditer(output):
        yield " ".join(part for part in found.group("title", "status") if part)


def pool(processes: int) -> ProcessPoolExecutor:
    """Processes for `run_suite` and `run_schemathesis`, a new one for each call."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1)

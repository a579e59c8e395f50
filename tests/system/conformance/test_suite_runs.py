"""Whole runs of the conformance suite in processes of their own: live, with contradictory options, and against mutants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance import observations
from conformance.kill_matrix import mutant_job
from conformance.kill_run import Job, pool, run_suite
from conformance.mutants import MUTANTS
from conformance.outcomes import EXIT_NOT_SHOWN
from support.serving import Sandbox
from support.suite_run import run


def test_a_live_run_against_a_sandbox_passes_and_writes_its_profile(sandbox: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    market = ["--market=hl:perp:BTC-USDC", "--non-perp-market=hl:spot:HYPE-USDC"]
    result = run("--target=live", f"--base-url={sandbox.url}", *market, f"--profile-out={profile}", key=sandbox.key)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(sandbox.requests) <= 150
    assert observations.parse(profile.read_text()) == observations.committed("sandbox")


@pytest.mark.parametrize(
    ("options", "status"),
    [((), EXIT_NOT_SHOWN), (("--allow-not-shown",), 0), (("--mutant=limit-plus-one",), pytest.ExitCode.TESTS_FAILED)],
)
def test_a_quiet_market_does_not_show_everything(options: tuple[str, ...], status: int) -> None:
    result = run("--style=sparse-1h", *options, files="tests/conformance/test_limit.py")
    assert result.returncode == status, result.stdout
    assert "not shown test_limit.py::TestBoundaries::test_the_default_limit_is_honoured[1m]: " in result.stdout
    assert "What would show it: a busier market" in result.stdout
    assert ("limit.minimum-1: minimum: 1" in result.stdout) == (status == pytest.ExitCode.TESTS_FAILED)


def test_a_run_with_contradictory_options_is_a_usage_error() -> None:
    result = run("--mutant", "no-such")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'no-such'" in result.stderr


def test_the_kill_matrix_runs_the_suite_in_processes() -> None:
    files = ("tests/conformance/test_limit.py",)
    jobs = [
        replace(mutant_job("limit-plus-one"), files=files),
        Job(readings=("label-end", "cut-samples"), files=files),
        Job(mutants=("no-such",), files=files),
    ]
    with pool(2) as workers:
        mutant, reading, broken = workers.map(run_suite, jobs)
    assert not mutant.error
    assert mutant.failed_for(MUTANTS["limit-plus-one"].clauses)
    assert (reading.failed, reading.error) == ({}, "")
    assert reading.passed > 5
    assert "USAGE_ERROR" in broken.error
    assert not broken.failed

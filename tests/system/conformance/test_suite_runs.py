"""Whole runs of the conformance suite in processes of their own: live, refused at the start, and against mutants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import observations
from conformance.document import ROOT
from conformance.kill_matrix import mutant_job
from conformance.kill_run import Job, pool, run_suite
from conformance.mutants import MUTANTS
from support.serving import Sandbox


def run(*options: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    if key is not None:
        environment["ALLIUM_API_KEY"] = key
    command = [sys.executable, "-m", "pytest", "tests/conformance", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_live_run_against_a_served_sandbox_passes_and_writes_its_profile(sandbox: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    market = ["--market=hl:perp:BTC-USDC", "--non-perp-market=hl:spot:HYPE-USDC"]
    result = run("--target=live", f"--base-url={sandbox.url}", *market, f"--profile-out={profile}", key=sandbox.key)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(sandbox.requests) <= 150
    assert observations.parse(profile.read_text()) == observations.committed("sandbox")


def test_a_run_with_contradictory_options_is_a_usage_error() -> None:
    result = run("--mutant", "no-such")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'no-such'" in result.stderr


def test_the_kill_matrix_kills_a_mutant_and_reports_a_run_that_broke_off() -> None:
    job = mutant_job("limit-plus-one")
    with pool(2) as workers:
        killed, broken = list(workers.map(run_suite, [job, Job(mutants=("no-such",))]))
    assert not killed.error
    assert killed.failed_for(MUTANTS["limit-plus-one"].clauses)
    assert "USAGE_ERROR" in broken.error
    assert not broken.failed


def test_the_suite_passes_another_legal_reading() -> None:
    with pool(1) as workers:
        outcome = workers.submit(run_suite, Job(readings=("label-end", "cut-samples"))).result()
    assert (outcome.failed, outcome.error) == ({}, "")
    assert outcome.passed > 100

"""Whole runs of the conformance suite in processes of their own: live, with contradictory options, and against mutants."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
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


def test_a_live_run_against_a_sandbox_passes_and_writes_its_profile(sandbox: Sandbox, tmp_path: Path) -> None:
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

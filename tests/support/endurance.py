"""Run both groups of tests many times, half of the runs beside busy processes: ``nox -s endurance -- --runs 12 --busy 2``.

Prints a Markdown table of the runs and exits with 1 if a test failed in any of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WORKERS: Final = ("-n", "2", "--dist", "loadgroup")
GROUPS: Final = {"tests": ("--ignore=tests/system",), "tests_system": ("tests/system",)}
BURN: Final = "while True: pass"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a group: how long it took, how many tests ran, and the names of those that failed."""

    group: str
    busy: int
    seconds: float
    tests: int
    failed: tuple[str, ...]


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep ``count`` processors busy until the end of the block."""
    processes = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(group: str, busy: int) -> Run:
    """Run a group once, with ``busy`` processes beside it."""
    with TemporaryDirectory() as folder, busy_processes(busy):
        report = Path(folder, "junit.xml")
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", *WORKERS, *GROUPS[group], f"--junitxml={report}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds = time.monotonic() - began
        cases = list(ET.parse(report).getroot().iter("testcase")) if report.exists() else []  # noqa: S314
    failed = [f"{case.get('classname')}::{case.get('name')}" for case in cases if _has_failed(case)]
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr, flush=True)
        failed = failed or [f"pytest ended with status {done.returncode}"]
    return Run(group, busy, seconds, len(cases), tuple(failed))


def _has_failed(case: ET.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def main() -> int:
    """Run ``tests`` ``--runs`` times and ``tests_system`` half as often; every second run is beside busy processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=12, help="runs of the first group; half as many of the second")
    parser.add_argument("--busy", type=int, default=2, help="busy processes beside every second run")
    parser.add_argument("--group", choices=GROUPS, help="only this group")
    options = parser.parse_args()
    groups = [*["tests"] * options.runs, *["tests_system"] * (options.runs // 2)]
    groups = [group for group in groups if options.group in (None, group)]
    print("| run | group | busy processes | seconds | tests | failures |\n|---|---|---|---|---|---|", flush=True)
    failures = 0
    for number, group in enumerate(groups, 1):
        result = run(group, options.busy if number % 2 == 0 else 0)
        failures += len(result.failed)
        cells = (number, group, result.busy, f"{result.seconds:.0f}", result.tests, ", ".join(result.failed) or "none")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

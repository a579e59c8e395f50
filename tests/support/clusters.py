"""Dask clusters of several processes on this machine, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it has none
from distributed import Client

START_SECONDS = 60.0

WORKERS = 2


@dataclass(frozen=True)
class Served:
    """A sandbox that takes 20 ms to answer, its log, and the table that a backfill of it makes when nothing disturbs it."""

    url: str
    app: Any
    rows: list[dict[str, Any]]

    @property
    def asked(self) -> list[Any]:
        """The requests so far, as they came."""
        return list(self.app.state.requests)


@dataclass
class Cluster:
    """A scheduler and its workers in processes of their own; what they print goes to ``folder``."""

    folder: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str, key: str | None = None) -> subprocess.Popen[bytes]:
        """Start one process of the cluster, with the key in its environment or without one."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ALLIUM_")}
        env["PYTHONPATH"] = str(Path(__file__).parents[1])  # functions of this module run there too
        if key is not None:
            env["ALLIUM_API_KEY"] = key
        with (self.folder / f"{name}.log").open("wb") as log:
            arguments = ["--local-directory", str(self.folder)] if name.startswith("worker") else []
            process = subprocess.Popen(
                [sys.executable, "-m", *command, *arguments],
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it ends with the workers that it started
            )
        self.processes.append(process)
        return process

    def add(self, workers: int, *more: str, key: str | None, threads: int = 1) -> subprocess.Popen[bytes]:
        """Start workers under a nanny, which replaces one that dies."""
        options = ["--host", "127.0.0.1", "--nworkers", str(workers), "--nthreads", str(threads), "--no-dashboard"]
        return self.start(
            f"worker-{len(self.processes)}", "distributed.cli.dask_worker", self.address, *options, *more, key=key
        )

    def logs(self) -> str:
        """Everything that the processes have printed."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def client(self) -> Any:
        """A new client of the cluster."""
        return Client(self.address, timeout=START_SECONDS)


@contextmanager
def cluster(folder: Path, workers: int, key: str | None, threads: int = 1) -> Iterator[Cluster]:
    """A cluster whose workers have the key in their environment; its scheduler has none."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder)
    try:
        place = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        made.start("scheduler", "distributed.cli.dask_scheduler", *options, "--scheduler-file", str(place))
        made.address = _address(place, made)
        if workers:
            made.add(workers, key=key, threads=threads)
            with made.client() as dask:
                dask.wait_for_workers(workers, timeout=START_SECONDS)
        yield made
    finally:
        for process in made.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _address(place: Path, made: Cluster) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and made.processes[0].poll() is None:
        if place.exists() and (said := place.read_text()).endswith("}"):
            return str(json.loads(said)["address"])
        time.sleep(0.05)
    raise RuntimeError(f"no scheduler: {made.logs()}")


def tasks_on(dask_scheduler: Any) -> int:
    """How many tasks a scheduler knows; for ``run_on_scheduler``."""
    return len(dask_scheduler.tasks)


def specifications(dask_scheduler: Any) -> bytes:
    """What a scheduler holds of every task, as it would be sent; for ``run_on_scheduler``."""
    return b"\n".join(cloudpickle.dumps((name, task.run_spec)) for name, task in dask_scheduler.tasks.items())

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

import cloudpickle  # type: ignore[import-untyped]  # it has no types
from distributed import Client

START_SECONDS = 60.0


@dataclass
class Cluster:
    """A scheduler and its workers, each in a process; their output goes to ``folder``."""

    folder: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str, key: str | None = None) -> subprocess.Popen[bytes]:
        """Start a process of the cluster, with or without the API key in its environment."""
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
                start_new_session=True,  # a nanny and its workers are killed together
            )
        self.processes.append(process)
        return process

    def add_workers(self, workers: int, key: str | None, threads: int = 1) -> subprocess.Popen[bytes]:
        """Start workers under a nanny, which replaces one that dies."""
        options = ["--host", "127.0.0.1", "--nworkers", str(workers), "--nthreads", str(threads), "--no-dashboard"]
        return self.start(
            f"worker-{len(self.processes)}", "distributed.cli.dask_worker", self.address, *options, key=key
        )

    def logs(self) -> str:
        """Everything that the processes have printed."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def client(self) -> Any:
        """A new client of the cluster."""
        return Client(self.address, timeout=START_SECONDS)


@contextmanager
def cluster(folder: Path, workers: int, key: str | None, threads: int = 1) -> Iterator[Cluster]:
    """A cluster whose workers have the API key in their environment, and whose scheduler has not."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Cluster(folder)
    try:
        file = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        started.start("scheduler", "distributed.cli.dask_scheduler", *options, "--scheduler-file", str(file))
        started.address = _read_address(file, started)
        if workers:
            started.add_workers(workers, key, threads)
            with started.client() as client:
                client.wait_for_workers(workers, timeout=START_SECONDS)
        yield started
    finally:
        for process in started.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read_address(file: Path, started: Cluster) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and started.processes[0].poll() is None:
        if file.exists() and (content := file.read_text()).endswith("}"):
            return str(json.loads(content)["address"])
        time.sleep(0.05)
    raise RuntimeError(f"no scheduler: {started.logs()}")


def serialize_tasks(dask_scheduler: Any) -> bytes:
    """Every task of a scheduler in the form in which it is sent to a worker; for ``run_on_scheduler``."""
    return b"\n".join(cloudpickle.dumps((name, task.run_spec)) for name, task in dask_scheduler.tasks.items())

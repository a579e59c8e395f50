"""The measurements: each function returns lines of the table. Servers run in processes of their own."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from server import MARKET, MINUTE, START, Rows

from allium_market_data import MarketData
from allium_market_data.client.decode import PageRequest, decode
from allium_market_data.client.plan import plan
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.model.windows import Window
from allium_market_data_wire.contract import KEY_HEADER
from support import wire

HERE = Path(__file__).parent
BUILDS = {"rows": "rows", "rows, as a stream": "rows", "polars": "polars", "pandas": "pandas", "parquet": "parquet"}
"""What a fetch is converted to here, and the peer's name for it."""
GOALS = {
    "polars": ("at least 4", "at most 1.2"),
    "pandas": ("at least 4", "at most 1.2"),
    "parquet": ("at least 3", "at most 1.6"),
}
"""The goals of a build against the peer and against the floor; rows have `ROW_GOALS`."""
ROW_GOALS = ("at least 3", "at most 1.6")
COMMAND = ["-c", "from allium_market_data.cli.main import main; main()"]
SANDBOX = [sys.executable, *COMMAND, "sandbox", "--port", "0"]
Samples = dict[str, list[float]]


class Line(NamedTuple):
    """What was measured, against what, the ratio, and the goal: ``at most``, ``at least`` or ``below`` a number."""

    what: str
    against: str
    ratio: float
    goal: str

    @property
    def is_reached(self) -> bool:
        """Whether the ratio meets the goal."""
        bound = float(self.goal.rpartition(" ")[2])
        return self.ratio >= bound if self.goal.startswith("at least") else self.ratio <= bound


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """Run a server that prints its URL, or its port, in its first line; yields its URL."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().split()[-1]
            yield address if address.startswith("http") else f"http://127.0.0.1:{address}"
        finally:
            process.kill()


def server(rows: int, *options: str) -> list[str]:
    """The command of a server of prepared bytes."""
    return [sys.executable, str(HERE / "server.py"), "--rows", str(rows), *options]


def sampled(into: Samples, python: str, script: str, *arguments: str) -> None:
    """Add the seconds that a script prints for each piece of work."""
    command = [python, str(HERE / script), *arguments]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1_800).stdout
    for line in out.splitlines():
        record = json.loads(line)
        into[record["work"]].append(record["seconds"])


def alternating(times: int, works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median seconds of each piece of work, in turn, after one warm-up."""
    seconds: Samples = defaultdict(list)
    for turn in range(times + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(all_of) for name, all_of in seconds.items()}


def fetches(rows: int, times: int, rival: str | None) -> tuple[list[Line], dict[str, float]]:
    """A whole fetch, one request at a time, against the floor and a peer, in turn; and the seconds of each stage."""
    samples: Samples = defaultdict(list)
    with serving(server(rows)) as url:
        for _ in range(-(-times // 2)):
            common = ("--url", url, "--times", "2")
            sampled(samples, sys.executable, "ours.py", *common, "--rows", str(rows), "floor", *BUILDS, "stages")
            if rival:
                sampled(samples, rival, "rival.py", *common)
    took = {work: statistics.median(seconds) for work, seconds in samples.items()}
    lines = []
    for build, there in BUILDS.items():
        name, (peer_goal, floor_goal) = f"fetch to {build}", GOALS.get(build, ROW_GOALS)
        if rival:
            lines.append(Line(name, "coinmetrics, one stream", took[f"{there} stream"] / took[build], peer_goal))
            lines.append(Line(name, "coinmetrics, pages", took[f"{there} pages"] / took[build], "at least 1.5"))
        lines.append(Line(name, "the floor", took[build] / took["floor"], floor_goal))
    return lines, took


def decoding(times: int) -> list[Line]:
    """Decode and check one response, against ``json.loads`` of the same bytes."""
    body = b'{"items":[' + b",".join(Rows(4_900).items) + b"]}"
    window = Window(START, START + MINUTE, START + 5_000 * MINUTE)
    page_request = PageRequest(OPEN_INTEREST, MARKET, "1m", window, datetime.now(UTC))
    took = alternating(20 * times, {"ours": lambda: decode(body, page_request), "json": lambda: json.loads(body)})
    return [Line("decode and check one response", "json.loads alone", took["ours"] / took["json"], "below 1")]


def concurrent(rows: int, times: int) -> list[Line]:
    """Eight requests at a time to a server that waits 100 ms, against requests / 8 x 100 ms."""
    requests = len(plan(OPEN_INTEREST, "1m", START, START + rows * MINUTE))
    samples: Samples = defaultdict(list)
    with serving(server(rows, "--delay", "0.1")) as url:
        given = ("--url", url, "--rows", str(rows), "--times", str(times))
        sampled(samples, sys.executable, "ours.py", *given, "8 at a time")
    ratio = statistics.median(samples["8 at a time"]) / (requests / 8 * 0.1)
    return [Line(f"{requests} requests, 8 at a time, 100 ms each", "the ideal", ratio, "at most 1.25")]


def requests(rows: int) -> list[Line]:
    """The requests of a fetch, against the fewest that can return all buckets: without gaps, and with many."""
    with serving(server(rows)) as url, MarketData("benchmark", url) as client:
        dense = client.open_interest(MARKET, interval="1m", start=START, end=START + rows * MINUTE)
    with serving(SANDBOX) as url, MarketData("sandbox-key", url) as client:
        gappy = client.open_interest("hl:perp:SOL-USDC", interval="1m", start="2026-02-05", end="2026-05-06")
    lines = []
    for series, name, goal in ((dense, "no gap", "at most 1.2"), (gappy, f"{len(gappy.gaps()):,} gaps", "at most 1.6")):
        fewest = -(-((series.end - series.start) // MINUTE) // OPEN_INTEREST.operation.limit_maximum)
        sent = series.provenance.requests
        lines.append(Line(f"requests, {name}: {sent}", f"the fewest: {fewest}", sent / fewest, goal))
    return lines


def memory() -> tuple[list[Line], list[str]]:
    """The peak memory of streaming more and more rows, over that of the import; and the figures in MiB."""
    lines, figures = [], []
    sizes = {500_000: 3, 2_000_000: 2, 10_000_000: 1}  # repeated, because the number of waiting responses varies
    with serving(server(max(sizes), "--lazy")) as url:
        for form in ("parquet", "csv"):
            peaks = []
            for rows, times in sizes.items():
                peaks.append(max(_peak(url, rows, form) for _ in range(times)))
                figures.append(f"{form}, {rows:,} rows: {peaks[-1]:.0f} MiB over the import")
            growth = max(peaks) / peaks[0]
            lines.append(Line(f"peak memory, {form}, 10 million rows", "half a million", growth, "at most 1.1"))
            lines.append(Line(f"peak memory over the import, {form}", "150 MiB", max(peaks) / 150, "below 1"))
    return lines, figures


def _peak(url: str, rows: int, form: str) -> float:
    command = [sys.executable, str(HERE / "memory.py"), "--url", url, "--rows", str(rows), "--format", form]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1_800).stdout
    return float(json.loads(out)["over"])


def imports(times: int) -> list[Line]:
    """The time of an import in a fresh interpreter, against a yardstick, in turn."""
    hello = "import typer; app = typer.Typer(); app.command()(lambda: print('hello')); app(standalone_mode=False)"
    pairs = [
        ("import allium_market_data", ["-c", "import allium_market_data"], "import httpx", ["-c", "import httpx"]),
        (
            *(
                "import the client and its transport",
                ["-c", "import allium_market_data.client.async_client, allium_market_data.client.transport"],
            ),
            *("import aiohttp", ["-c", "import aiohttp"]),
        ),
        ("allium-md --help", [*COMMAND, "--help"], "typer saying hello", ["-c", hello]),
    ]
    lines = []
    for name, ours, yardstick, theirs in pairs:
        took = alternating(times, {"ours": lambda c=ours: _run(c), "theirs": lambda c=theirs: _run(c)})  # type: ignore[misc]
        lines.append(Line(name, yardstick, took["ours"] / took["theirs"], "at most 1.5"))
    return lines


def _run(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def cold_start(times: int) -> list[Line]:
    """A cold start: processor time of a command that sends one request, against an httpx script that does the same, in turn.

    Byte code is cached in both. What remains above the goal is the import of aiohttp, of typer with pydantic, and asyncio.
    """
    span = ["--interval", "1h", "--start", "2026-05-01", "--end", "2026-05-05"]
    seconds: Samples = defaultdict(list)
    with serving(SANDBOX) as url:
        command = [*COMMAND, "open-interest", MARKET, *span, "--base-url", url]
        window = wire.target(MARKET, "1h", "2026-05-01T00:00:00Z", "2026-05-05T00:00:00Z")
        for turn in range(times + 1):
            for name, arguments in (
                ("ours", command),
                ("httpx", [str(HERE / "one_request.py"), url + window, KEY_HEADER]),
            ):
                used = _processor_seconds([sys.executable, *arguments])
                if turn:
                    seconds[name].append(used)
    ratio = statistics.median(seconds["ours"]) / statistics.median(seconds["httpx"])
    return [Line("cold start with one request, processor time", "an httpx script", ratio, "at most 1.3")]


def _processor_seconds(command: list[str]) -> float:
    """User and system time of a process, in seconds."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**env, "ALLIUM_API_KEY": "sandbox-key"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def sandbox(times: int) -> list[Line]:
    """5,000 rows at 1m out of 90 days of samples, against FastAPI returning the same prepared bytes, in turn."""
    end = datetime(2026, 5, 6, tzinfo=UTC)
    start = end - timedelta(minutes=5_700)
    target = wire.target(MARKET, "1m", f"{start:%Y-%m-%dT%H:%MZ}", f"{end:%Y-%m-%dT%H:%MZ}")

    def get(connection: http.client.HTTPConnection) -> bytes:
        connection.request("GET", target, headers={KEY_HEADER: "sandbox-key"})
        return connection.getresponse().read()

    with serving(SANDBOX) as url, tempfile.NamedTemporaryFile() as file:
        one = http.client.HTTPConnection(url.removeprefix("http://"))
        body = get(one)
        file.write(body)
        file.flush()
        with serving([sys.executable, str(HERE / "ready.py"), file.name]) as other:
            two = http.client.HTTPConnection(other.removeprefix("http://"))
            took = alternating(20 * times, {"ours": lambda: get(one), "ready": lambda: get(two)})
    rows = body.count(b'"ts"')
    return [Line(f"sandbox: {rows:,} rows at 1m", "FastAPI, prepared bytes", took["ours"] / took["ready"], "at most 4")]

"""All benchmarks in one run, the servers in processes of their own; writes RESULTS.md. See ``nox -s bench``.

Every figure is a ratio of medians of at least five: these machines are shared, and seconds alone would say little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
Seconds = dict[str, float]
Line = tuple[str, str, float, str]
"""What was measured, against what, the ratio, and the goal."""


@contextmanager
def server(rows: int, delay: float = 0.0) -> Iterator[str]:
    """A server of ready bytes; gives its URL."""
    command = [sys.executable, str(HERE / "server.py"), "--rows", str(rows), "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def medians(python: str, script: str, *arguments: str) -> Seconds:
    """The median seconds of each piece of work that a script prints."""
    command = [python, str(HERE / script), *arguments]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1_800).stdout
    seen: dict[str, list[float]] = defaultdict(list)
    for line in out.splitlines():
        record = json.loads(line)
        seen[record["work"]].append(record["seconds"])
    return {work: statistics.median(seconds) for work, seconds in seen.items()}


def imports(times: int) -> list[Line]:
    """What importing costs, in fresh interpreters, each against its yardstick, in turn."""
    hello = "import typer; app = typer.Typer(); app.command()(lambda: print('hello')); app(standalone_mode=False)"
    pairs = [
        ("import allium_market_data", ["-c", "import allium_market_data"], "import httpx", ["-c", "import httpx"]),
        ("allium-md --help", ["-m", "allium_market_data.cli", "--help"], "typer saying hello", ["-c", hello]),
    ]
    lines = []
    for name, ours, yardstick, theirs in pairs:
        seconds: dict[str, list[float]] = {name: [], yardstick: []}
        for _ in range(times + 1):
            for label, arguments in ((name, ours), (yardstick, theirs)):
                began = time.perf_counter()
                subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
                seconds[label].append(time.perf_counter() - began)
        ratio = statistics.median(seconds[name][1:]) / statistics.median(seconds[yardstick][1:])
        lines.append((name, yardstick, ratio, "at most 1.5"))
    return lines


def fetches(rows: int, times: int, rival: str | None) -> list[Line]:
    """Fetching everything, one request at a time, against the floor and against a peer."""
    with server(rows) as url:
        ours = medians(sys.executable, "ours.py", "--url", url, "--rows", str(rows), "--times", str(times),
                       "floor", "rows", "polars", "pandas", "parquet")  # fmt: skip
        theirs = medians(rival, "rival.py", "--url", url, "--times", str(times)) if rival else {}
    lines = []
    for work in ("rows", "polars", "pandas", "parquet"):
        name = f"fetch to {work}"
        if theirs:
            lines.append((name, "coinmetrics, one stream", theirs[f"{work} stream"] / ours[work], "at least 3"))
            lines.append((name, "coinmetrics, pages", theirs[f"{work} pages"] / ours[work], "at least 1.5"))
        lines.append((name, "the floor", ours[work] / ours["floor"], "at most 1.7"))
    return lines


def concurrent(times: int) -> list[Line]:
    """Eight at a time from a server that takes 100 ms to answer, against requests / 8 x 100 ms."""
    from server import MINUTE, START

    from allium_market_data.resource import OPEN_INTEREST
    from allium_market_data.windows import plan

    rows = 200_000
    requests = len(plan(OPEN_INTEREST, "1m", START, START + rows * MINUTE))
    with server(rows, delay=0.1) as url:
        seconds = medians(
            sys.executable, "ours.py", "--url", url, "--rows", str(rows), "--times", str(times), "8 at a time"
        )
    ideal = requests / 8 * 0.1
    return [
        (f"{requests} requests, 8 at a time, 100 ms each", "the ideal", seconds["8 at a time"] / ideal, "at most 1.25")
    ]


def decoding(times: int) -> list[Line]:
    """Decode and check one answer, against ``json.loads`` of the same bytes."""
    from server import MARKET, MINUTE, START, Rows

    from allium_market_data.decode import Question, decode
    from allium_market_data.resource import OPEN_INTEREST
    from allium_market_data.windows import Window

    body = b'{"items":[' + b",".join(Rows(4_900).items) + b"]}"
    window = Window(START, START + MINUTE, START + 5_000 * MINUTE)
    question = Question(OPEN_INTEREST, MARKET, "1m", window, datetime.now(UTC))
    seconds: dict[str, list[float]] = {"ours": [], "json": []}
    for _ in range(20 * times):
        for label, work in (("ours", lambda: decode(body, question)), ("json", lambda: json.loads(body))):
            began = time.perf_counter()
            work()
            seconds[label].append(time.perf_counter() - began)
    ratio = statistics.median(seconds["ours"]) / statistics.median(seconds["json"])
    return [("decode and check one answer", "json.loads alone", ratio, "below 1")]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rival", help="a Python that has coinmetrics-api-client")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    given = parser.parse_args()
    lines = [
        *fetches(given.rows, given.times, given.rival),
        *decoding(given.times),
        *concurrent(given.times),
        *imports(2 * given.times),
    ]
    given.output.write_text(_table(lines, given.rows, given.times))
    print(given.output.read_text())


def _table(lines: list[Line], rows: int, times: int) -> str:
    head = (
        "# Benchmark results\n\n"
        f"Made by `nox -s bench` on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores: ratios of medians of {times} or more, {rows:,} rows at `1m`, one request at a time "
        "unless said otherwise, the server in a process of its own.\n\n"
        "| what | against | ratio | goal | |\n| --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(
        f"| {what} | {against} | {ratio:.2f} | {goal} | {'reached' if _reached(ratio, goal) else '**not reached**'} |\n"
        for what, against, ratio, goal in lines
    )


def _reached(ratio: float, goal: str) -> bool:
    bound = float(goal.rpartition(" ")[2])
    return ratio >= bound if goal.startswith("at least") else ratio <= bound


if __name__ == "__main__":
    main()

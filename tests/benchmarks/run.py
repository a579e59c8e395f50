"""All benchmarks in one run; writes RESULTS.md. See ``nox -s bench``.

Every figure is a ratio of medians of at least five: machines are shared, and seconds alone would say little.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import measures
from measures import HERE, Line

HEAD = """\
# Benchmark results

Made by `nox -s bench` on {day}, Python {python}, {cores} cores: ratios of medians of {times} or more, {rows:,} rows at `1m`,
one request at a time unless the row says otherwise, every server in a process of its own.
The floor is httpx fetching the same bytes and msgspec decoding them to plain text fields; it neither checks nor converts.
coinmetrics-api-client fetches the same rows in its own format; its rows are dictionaries of text, its frames hold floats.
Machines are shared: from run to run a ratio may move by a tenth of itself, and sometimes by more.

| what | against | ratio | goal | |
| --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rival", help="a Python that has coinmetrics-api-client")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    fetches, took = measures.fetches(options.rows, options.times, options.rival)
    memory, figures = measures.memory()
    lines = [
        *fetches,
        *measures.decoding(options.times),
        *measures.concurrent(options.rows, options.times),
        *measures.requests(options.rows),
        *memory,
        *measures.imports(2 * options.times),
        *measures.cold_start(2 * options.times),
        *measures.sandbox(options.times),
    ]
    head = HEAD.format(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        python=platform.python_version(),
        cores=os.cpu_count(),
        times=options.times,
        rows=options.rows,
    )
    options.output.write_text(
        head + table(lines) + where(took) + "\n## Memory\n\n" + "".join(f"- {it}\n" for it in figures)
    )
    print(options.output.read_text())


def table(lines: list[Line]) -> str:
    """The lines as rows of a table."""
    verdict = {True: "reached", False: "**not reached**"}
    return "".join(
        f"| {line.what} | {line.against} | {line.ratio:.2f} | {line.goal} | {verdict[line.is_reached]} |\n"
        for line in lines
    )


def where(took: dict[str, float]) -> str:
    """The time of each stage of a fetch, as a share of the floor."""
    stages = {name.removeprefix("stage: "): seconds for name, seconds in took.items() if name.startswith("stage: ")}
    rows = "".join(f"| {stage} | {seconds / took['floor']:.2f} |\n" for stage, seconds in stages.items())
    return (
        "\n## Where the time goes\n\nEach stage alone, as a share of the floor's time. "
        "A fetch takes less than their sum: the next response is on its way while one is read.\n\n"
        f"| stage | of the floor |\n| --- | --- |\n{rows}"
    )


if __name__ == "__main__":
    main()

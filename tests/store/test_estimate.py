"""The estimate of a large backfill in store/README.md agrees with the plan and with the measured constants."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from allium_market_data.model.times import micros
from allium_market_data.store.coverage import Coverage
from allium_market_data.store.plan import Task, plan_missing
from allium_market_data.validation import to_instant

README = (files("allium_market_data.store") / "README.md").read_text(encoding="utf-8")
CLUSTER = (Path(__file__).parents[1] / "benchmarks" / "CLUSTER.md").read_text()
MARKETS = 500


def cell(name: str) -> str:
    """The last cell of a line of the estimate."""
    match = re.search(rf"^\| {name} \| .* \| (.*) \|$", README, re.MULTILINE)
    assert match, name
    return match[1]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def bytes_per_row() -> int:
    match = re.search(r"rows x (\d+) bytes", README)
    assert match
    return int(match[1])


def tasks() -> list[Task]:
    """The tasks of a backfill of one market."""
    start, end = (micros(to_instant(text, "start")) for text in ("2023-01-01", "2026-01-01"))
    return list(plan_missing(["hl:perp:BTC-USDC"], "1m", (start, end), Coverage()))


def test_requests_and_rows_agree_with_the_plan() -> None:
    requests, rows = (sum(getattr(task, name) for task in tasks()) for name in ("requests", "buckets"))
    assert number(cell("requests").split(" = ")[1]) == MARKETS * requests
    assert number(cell("rows").split(" = ")[1]) == MARKETS * rows
    assert {(task.buckets == 31 * 1_440, task.requests) for task in tasks()} == {(True, 10), (False, 9)}


def test_the_arithmetic_is_right() -> None:
    for name in ("requests", "rows"):
        formula, result = cell(name).split(" = ")
        assert re.fullmatch(r"[\d,x+() ]+", formula)
        assert eval(formula.replace(",", "").replace("x", "*")) == number(result)  # noqa: S307 - digits and signs only
    requests, rows = (number(cell(name).split(" = ")[1]) for name in ("requests", "rows"))
    rates = [(number(hours), number(rate)) for hours, rate in re.findall(r"([\d.]+) at (\d+)", cell("hours"))]
    assert len(rates) == 3
    assert [hours for hours, _ in rates] == [round(requests / rate / 3_600, 1) for _, rate in rates]
    assert cell("size on disk") == f"{rows * bytes_per_row() / 1e9:.1f} GB"


def test_the_bytes_per_row_are_the_measured_ones() -> None:
    measured = re.search(r"^\| synthetic, two whole months \| [\d,]+ \| ([\d.]+) \|", CLUSTER, re.MULTILINE)
    assert measured
    assert abs(float(measured[1]) - bytes_per_row()) < 2

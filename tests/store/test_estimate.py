"""The README's estimate of a large backfill is what the plan says, with the constants that were measured."""

from __future__ import annotations

import re
from pathlib import Path

from allium_market_data.model.times import micros
from allium_market_data.store.coverage import Coverage
from allium_market_data.store.plan import Task, lacking
from allium_market_data.validation import to_instant

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MARKETS = 500


def cell(name: str) -> str:
    """What the estimate says of one thing."""
    found = re.search(rf"^\| {name} \| .* \| (.*) \|$", README, re.MULTILINE)
    assert found, name
    return found[1]


def number(said: str) -> float:
    return float(said.replace(",", ""))


def tasks() -> list[Task]:
    """What a backfill of one market does."""
    start, end = (micros(to_instant(when, "start")) for when in ("2023-01-01", "2026-01-01"))
    return list(lacking(["hl:perp:BTC-USDC"], "1m", (start, end), Coverage()))


def test_requests_and_rows_are_those_of_the_plan() -> None:
    requests, rows = (sum(getattr(task, what) for task in tasks()) for what in ("requests", "buckets"))
    assert number(cell("requests").split(" = ")[1]) == MARKETS * requests
    assert number(cell("rows").split(" = ")[1]) == MARKETS * rows
    assert {(task.buckets == 31 * 1_440, task.requests) for task in tasks()} == {(True, 10), (False, 9)}


def test_the_sums_are_right() -> None:
    for name in ("requests", "rows"):
        sum_, result = cell(name).split(" = ")
        assert re.fullmatch(r"[\d,x+() ]+", sum_)
        assert eval(sum_.replace(",", "").replace("x", "*")) == number(result)  # noqa: S307 - digits and signs alone
    requests, rows = (number(cell(name).split(" = ")[1]) for name in ("requests", "rows"))
    paces = [(number(hours), number(pace)) for hours, pace in re.findall(r"([\d.]+) at (\d+)", cell("hours"))]
    assert len(paces) == 3
    assert [hours for hours, _ in paces] == [round(requests / pace / 3_600, 1) for _, pace in paces]
    each = re.search(r"rows x (\d+) bytes", README)
    assert each
    assert cell("size on disk") == f"{rows * int(each[1]) / 1e9:.1f} GB"


def test_the_bytes_of_a_row_are_those_measured() -> None:
    measured = re.search(
        r"^\| synthetic, two whole months \| [\d,]+ \| ([\d.]+) \|",
        (ROOT / "tests" / "benchmarks" / "CLUSTER.md").read_text(),
        re.MULTILINE,
    )
    each = re.search(r"rows x (\d+) bytes", README)
    assert measured
    assert each
    assert abs(float(measured[1]) - int(each[1])) < 2

"""What is known of a table stands in its log, and is read right while others write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.model.intervals import DAY
from allium_market_data.store import Coverage, Table, backfill
from allium_market_data.store.coverage import SUM_EVERY, Note
from allium_market_data.store.schema import rows_schema
from support.exchange import BTC, Exchange

START = 20_574 * DAY
DAYS = [(START + n * DAY, START + (n + 1) * DAY) for n in range(3 * SUM_EVERY)]


def say(table: Table, day: int) -> None:
    """A commit without rows that completes a day."""
    table.refresh()
    table.write(Note({("1d", BTC): (DAYS[day],)}, fetched_at=day), rows_schema().empty_table(), merge=False)


@pytest.mark.parametrize("already", [0, 3])
@pytest.mark.parametrize("others", [1, 2])
def test_commits_that_land_while_the_log_is_read_are_neither_lost_nor_miscounted(
    table: Path, already: int, others: int
) -> None:
    """Delta's history numbers downwards from the loaded version, and begins at the newest: between the two, all is off."""
    writer = Table(table, create=True)
    for day in range(3):
        say(writer, day)
    reader = Table(table)
    for day in range(3, 3 + already):
        say(writer, day)
    history, left = reader.delta.history, list(range(3 + already, 3 + already + others))

    def disturbed(limit: int | None = None) -> list[dict[str, Any]]:
        while left:
            say(writer, left.pop(0))
        found: list[dict[str, Any]] = history(limit)
        return found

    reader.delta.history = disturbed
    if not already:
        reader._known = -1  # as a table that was just opened
    reader.refresh()
    last = 3 + already + others
    assert reader.coverage == Coverage({("1d", BTC): ((DAYS[0][0], DAYS[last - 1][1]),)}, {}, last - 1)
    assert reader.refresh() == Table(table).coverage == writer.refresh()


def test_many_commits_are_summed_up_so_that_opening_reads_few(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Table(table, create=True)
    for day in range(SUM_EVERY + 20):
        say(writer, day)
    asked: list[int | None] = []
    history = type(writer.delta).history

    def counted(delta: Any, limit: int | None = None) -> Any:
        asked.append(limit)
        return history(delta, limit)

    monkeypatch.setattr(type(writer.delta), "history", counted)
    opened = Table(table)
    assert opened.coverage.complete == {("1d", BTC): ((DAYS[0][0], DAYS[SUM_EVERY + 19][1]),)}
    assert max(limit or 10**9 for limit in asked) <= SUM_EVERY + 10


def test_a_log_that_was_cut_off_is_told(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-20")
    for end in ("02", "03", "04"):
        backfill(BTC, "1h", "2026-05-01", f"2026-05-{end}", table, client=client)
    store = Table(table)
    store.delta.create_checkpoint()
    for commit in sorted((table / "_delta_log").glob("*.json"))[:2]:
        commit.unlink()
    with pytest.raises(StoreError, match="cut off"):
        Table(table)


def test_a_log_that_cannot_be_read_is_told_in_a_line(exchange: Exchange, client: MarketData, table: Path) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-20")
    backfill(BTC, "1h", "2026-05-01", "2026-05-03", table, client=client)
    newest = max((table / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text()[:200])
    with pytest.raises(StoreError) as caught:
        Table(table)
    assert "\n" not in str(caught.value)
    assert str(table) in str(caught.value)

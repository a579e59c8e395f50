"""Before the first write to an object store, two conflicting writes must prove it safe; after a commit it is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deltalake
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.table import TableMerger

from allium_market_data import MarketData
from allium_market_data.errors import StoreError
from allium_market_data.store import backfill, compact, merge, object_store, update
from allium_market_data.store.coverage import COMMIT_ID_KEY
from allium_market_data.store.log import CoverageLog
from allium_market_data.store.object_store import MAX_ROUNDS, prove_put_if_absent
from support.commands import SPAN
from support.exchange import BTC, Exchange
from support.tables import final_values

SEEN = DeltaError("A Delta Lake table already exists at that location.")
REFUSED = CommitFailedError("Failed to commit transaction: 0")


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[Exception | None]]]:
    """What becomes of the two writers in each round; the last one is repeated."""
    rounds: list[list[Exception | None]] = []
    monkeypatch.setattr(object_store, "_race", lambda *_: rounds.pop(0) if rounds[1:] else rounds[0])
    monkeypatch.setattr(object_store, "_delete", lambda *_: None)
    object_store._prove.cache_clear()
    yield rounds
    object_store._prove.cache_clear()


def test_a_store_that_refuses_one_of_two_writers_is_proven_once(outcomes: list[list[Exception | None]]) -> None:
    outcomes += [[None, SEEN], [SEEN, None], [REFUSED, None], [None, None]]
    prove_put_if_absent("s3://b/oi", None)
    assert len(outcomes) == 1, "a writer that saw the other's object proves nothing"
    prove_put_if_absent("s3://b/oi", None)
    with pytest.raises(StoreError, match="let two writers create the same object"):
        prove_put_if_absent("s3://other/oi", None)


def test_a_store_that_refuses_nobody_is_refused(outcomes: list[list[Exception | None]]) -> None:
    outcomes += [[None, SEEN], [None, None]]
    with pytest.raises(StoreError, match=r"cannot write to s3://b/oi.*If-None-Match.*nothing was written"):
        prove_put_if_absent("s3://b/oi", None)


def test_a_store_is_not_trusted_without_a_conflict(outcomes: list[list[Exception | None]]) -> None:
    outcomes.append([None, SEEN])
    with pytest.raises(StoreError, match=f"in {MAX_ROUNDS} trials"):
        prove_put_if_absent("s3://b/oi", None)


def replace_newest_commit(table: Path) -> None:
    """Do what a second writer does where ``If-None-Match`` is ignored: replace the newest commit by another."""
    newest = max((table / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    for action in actions:
        if COMMIT_ID_KEY in action.get("commitInfo", {}):
            action["commitInfo"][COMMIT_ID_KEY] = "another"
    newest.write_text("\n".join(map(json.dumps, actions)))


@pytest.mark.parametrize("work", [backfill, compact], ids=lambda work: work.__name__)
def test_a_commit_that_was_replaced_is_an_error(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch, work: Any
) -> None:
    exchange.fill(BTC, "2026-05-01", "2026-05-06")
    for end in ("2026-05-02", "2026-05-03"):
        backfill(BTC, "1h", SPAN[0], end, table, client=client)
    find = CoverageLog._find

    def replace_and_find(self: CoverageLog, commit_id: str) -> bool:
        replace_newest_commit(table)
        return find(self, commit_id)

    monkeypatch.setattr(CoverageLog, "_find", replace_and_find)
    arguments = (table,) if work is compact else (BTC, "1h", *SPAN, table)
    with pytest.raises(StoreError, match="was replaced by another writer's"):
        work(*arguments)


def test_a_commit_that_the_store_wrote_but_refused_is_counted(
    exchange: Exchange, client: MarketData, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_refuse(place: Any, name: str) -> None:
        write = getattr(place, name)

        def write_and_refuse(*arguments: Any, **options: Any) -> None:
            write(*arguments, **options)
            raise REFUSED

        monkeypatch.setattr(place, name, write_and_refuse)

    exchange.fill(BTC, "2026-05-01", "2026-05-25")
    then_refuse(deltalake, "write_deltalake")
    for start, end in (("2026-05-01", "2026-05-05"), ("2026-05-05", "2026-05-19")):
        filled = backfill(BTC, "1h", start, end, table, client=client)
        assert filled.rows == len(exchange.values(start, end))
    assert update(table, client=client).added == len(exchange.values("2026-05-19", "2026-05-20T10:00"))
    merged = compact(table)
    assert (merged.before, merged.after) == (3, 1)

    monkeypatch.setattr(merge, "_write_restatements", lambda *_: None)
    then_refuse(TableMerger, "execute")
    exchange.put(BTC, "2026-05-19T05:00", "7")
    assert update(table, client=client).restated == 1
    assert final_values(table, BTC) == exchange.values("2026-05-01", "2026-05-20T10:00")

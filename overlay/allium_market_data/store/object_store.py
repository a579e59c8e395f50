"""Proof that an object store can hold a table: of two writers that create the same object, it must refuse one.

Delta's transactions rest on that. A store that ignores ``If-None-Match`` lets the second writer replace the commit of the
first, and rows are lost without an error. So before the first write a process lets two writers create the same small table
below the real one, through the engine and with the options that commits will use, and looks at what becomes of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Barrier

from ..errors import StoreError
from ..optional import require

MAX_ROUNDS = 20
"""How often two writers are started until both have sent their object before either saw the other's."""

WRITERS = 2


def prove_put_if_absent(uri: str, options: Mapping[str, str] | None) -> None:
    """Raise ``StoreError`` unless the object store refuses the second of two conflicting writes. Proven once a process."""
    _prove(uri, frozenset((options or {}).items()))


@cache
def _prove(uri: str, options: frozenset[tuple[str, str]]) -> None:
    """Let two writers conflict until one of them is refused by the store itself, not because it saw the other's object."""
    for _ in range(MAX_ROUNDS):
        probe = f"{uri}/_probe/{uuid.uuid4().hex}"
        try:
            outcomes = _race(probe, dict(options))
        finally:
            _delete(probe, dict(options))
        if outcomes.count(None) > 1:
            raise StoreError(
                f"cannot write to {uri}: its object store let two writers create the same object, so concurrent commits "
                "would lose rows; use a store that honours If-None-Match (store/README.md names some); nothing was written"
            )
        if _is_refused(outcomes):
            return
    raise StoreError(
        f"cannot write to {uri}: its object store did not refuse the second of two conflicting writes in {MAX_ROUNDS} "
        "trials, so it is not known to be safe; nothing was written"
    )


def _race(probe: str, options: dict[str, str]) -> list[Exception | None]:
    """Two writers create one table at the same moment. The error of each, ``None`` for a success.

    Raises any error that is not about the other writer.
    """
    deltalake, problems = require("deltalake", "store"), require("deltalake.exceptions", "store")
    columns = require("pyarrow", "store").schema([("probe", "string")])
    properties = deltalake.CommitProperties(max_commit_retries=0)
    barrier = Barrier(WRITERS)

    def create() -> Exception | None:
        barrier.wait()
        try:
            deltalake.DeltaTable.create(
                probe, columns, mode="error", storage_options=options, commit_properties=properties
            )
        except problems.DeltaError as error:
            refused: Exception = error
            return refused
        return None

    with ThreadPoolExecutor(WRITERS) as threads:
        return [writer.result() for writer in [threads.submit(create) for _ in range(WRITERS)]]


def _is_refused(outcomes: list[Exception | None]) -> bool:
    """True if a writer's object was refused. A writer that found the table before it wrote has another error."""
    refused = require("deltalake.exceptions", "store").CommitFailedError
    return any(isinstance(outcome, refused) for outcome in outcomes)


def _delete(probe: str, options: dict[str, str]) -> None:
    """Delete the only object of a probe, if the keys allow it."""
    handler = require("deltalake.fs", "store").DeltaStorageHandler(probe, options)
    with suppress(OSError):
        handler.delete_file(f"_delta_log/{0:020}.json")

"""The commands that change what a table expects of a market: ``retire`` and ``forget``. Neither deletes rows."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options

Market = Annotated[str, typer.Argument(help="A market of the table.")]


def retire(
    market: Market,
    table: options.TableUri,
    undo: Annotated[bool, typer.Option("--undo", help="Update the market again.")] = False,
    storage_option: options.StorageOption = None,
) -> None:
    """Leave a market out of all later updates, such as one that was delisted. Its rows stay."""
    from ..store import retire as run
    from .table_log import log

    run(table, market, undo=undo, storage_options=options.storage_options(storage_option))
    log(f"{table}: {market} is {'updated again' if undo else 'retired'}")


def forget(
    market: Market,
    table: options.TableUri,
    start: options.Start,
    end: options.End,
    storage_option: options.StorageOption = None,
) -> None:
    """Take windows of a market out of the complete ones, so that a backfill fetches them again. The rows stay until then."""
    from ..model.times import from_micros, to_iso
    from ..store import forget as run
    from .table_log import log

    forgotten = run(table, market, start, end, storage_options=options.storage_options(storage_option))
    for (interval, name), spans in sorted(forgotten.items()):
        for span in spans:
            first, last = (to_iso(from_micros(moment)) for moment in span)
            log(f"{table}: {name} {interval} is no longer complete from {first} to {last}")
    if not forgotten:
        log(f"{table}: nothing of {market} was complete there")

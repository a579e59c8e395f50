"""A place where a Delta table is, or may be made: opened, made, and what goes wrong there told in a line."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import NoTableError, StoreError
from ..optional import require
from . import schema

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

ROOM = 2**20
"""So many bytes must be free on a local disk before anything is written."""


def opened(uri: str, options: dict[str, str] | None, name: str, make: Callable[[], pa.Schema] | None) -> DeltaTable:
    """The Delta table of that name, in our schema's version, made of ``make`` if there is none. Raises ``StoreError``."""
    deltalake, problems = require("deltalake", "store"), require("deltalake.exceptions", "store")
    wanted = f"{name} {schema.VERSION}"
    if (place := _local(uri)) and place.exists() and not place.is_dir():
        raise NoTableError(f"{uri} is no table of open interest, but a file: name a folder")
    with reported(uri):
        try:
            delta = deltalake.DeltaTable(uri, storage_options=options)
        except problems.TableNotFoundError:
            if make is None or is_occupied(uri):
                raise NoTableError(f"{uri} is no table of open interest: make one with allium-md backfill") from None
            delta = _create(uri, options, wanted, make())
    found = delta.metadata().name or ""
    if found == wanted:
        return delta
    if found.startswith(name):
        raise StoreError(
            f"{uri} has schema version {found.removeprefix(name).strip()}, this release reads {schema.VERSION}: "
            "use a release that fits, or another folder"
        )
    raise StoreError(f"{uri} is a Delta table, but not one of open interest that allium-md made: use another folder")


def _local(uri: str) -> Path | None:
    """The folder of a table on this machine."""
    if uri.startswith("file://"):
        return Path(unquote(uri.removeprefix("file://")))
    return None if "://" in uri else Path(uri)


def is_occupied(uri: str) -> bool:
    """Whether other things lie where a table would be made."""
    place = _local(uri)
    return (
        place is not None
        and place.exists()
        and (not place.is_dir() or any(p.name != "_delta_log" for p in place.iterdir()))
    )


def check_room(uri: str, size: int) -> None:
    """Raise ``OSError`` where a local table cannot be written: the engine would say so in many words, and its own way."""
    place = _local(uri)
    if place is not None:
        with TemporaryFile(dir=place):
            pass
        if disk_usage(place).free < max(size, ROOM):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _create(uri: str, options: dict[str, str] | None, name: str, columns: pa.Schema) -> DeltaTable:
    deltalake, problems = require("deltalake", "store"), require("deltalake.exceptions", "store")
    config = schema.CONFIGURATION if "provisional" in columns.names else {}
    with suppress(problems.CommitFailedError):  # another process made it at the same moment
        deltalake.DeltaTable.create(
            uri,
            columns,
            mode="ignore",
            name=name,
            partition_by=list(schema.PARTITIONS),
            configuration=config,
            storage_options=options,
        )
    return deltalake.DeltaTable(uri, storage_options=options)


@contextmanager
def reported(uri: str) -> Iterator[None]:
    """Turn what the engine and the system say into ``StoreError``, in a line."""
    problems = require("deltalake.exceptions", "store")
    try:
        yield
    except (problems.DeltaError, OSError) as error:
        said = " ".join(str(error).split())
        if isinstance(error, OSError) and error.strerror:
            said = error.strerror
        elif system := re.search(r"([A-Z][^:()]*) \(os error \d+\)", said):  # the engine tells its whole way there
            said = system[1]
        raise StoreError(f"cannot use the table {uri}: {said:.300} (what was committed before is unharmed)") from error

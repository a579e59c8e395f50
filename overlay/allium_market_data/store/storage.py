"""The folder or URI of a Delta table: opening it, creating it, and errors of the storage as ``StoreError``."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import NoTableError, StoreError, UsageError
from ..optional import require
from . import schema
from .object_store import prove_put_if_absent
from .storage_error import REDACTED, check_keys, describe, secrets

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

MIN_FREE_BYTES = 2**20
"""A local disk must have this much space left before anything is written."""


def open_delta(
    uri: str, options: dict[str, str] | None, name: str, columns: Callable[[], pa.Schema], *, create: bool
) -> DeltaTable:
    """The Delta table with that name, these columns, and this release's schema version.

    With ``create``, it is created if there is none. Raises ``StoreError``.
    """
    deltalake, problems = require("deltalake", "store"), require("deltalake.exceptions", "store")
    _check_keys(uri, options)
    versioned_name = f"{name} {schema.VERSION}"
    if (folder := _local_path(uri)) and folder.exists() and not folder.is_dir():
        raise StoreError(f"{uri} is not {_title(name)} but a file: name a folder")
    with storage_errors(uri, options):
        try:
            delta = deltalake.DeltaTable(uri, storage_options=options)
        except problems.TableNotFoundError:
            if not create or is_occupied(uri):
                raise NoTableError(f"{uri} is not {_title(name)}: create one with allium-md backfill") from None
            delta = _create(uri, options, versioned_name, columns())
    actual_name = delta.metadata().name or ""
    if actual_name == versioned_name:
        _check_columns(uri, {field.name for field in delta.schema().fields}, set(columns().names))
        return delta
    if actual_name.startswith(name):
        raise StoreError(
            f"{uri} has schema version {actual_name.removeprefix(name).strip()}, this release reads {schema.VERSION}: "
            "use a matching release, or another folder"
        )
    raise StoreError(f"{uri} is a Delta table, but not {_title(name)} of allium-md: use another folder")


def _title(name: str) -> str:
    """What a table of that name is, for messages: "an open-interest table"."""
    noun = name.removeprefix("allium-md ").removesuffix(", schema").replace(" ", "-")
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} table"


def _check_columns(uri: str, stored: set[str], expected: set[str]) -> None:
    if stored != expected:
        missing, more = (", ".join(sorted(names)) or "none" for names in (expected - stored, stored - expected))
        raise StoreError(
            f"{uri} has other columns than this release writes (missing: {missing}; unknown: {more}): use another folder, "
            "or a matching release"
        )


def table_uri(uri: str | PathLike[str]) -> str:
    """The folder or URI of a table as text, without a slash at its end. Raises ``UsageError`` if it contains keys."""
    text = fspath(uri).rstrip("/")
    if shown_uri(text) != text:
        raise UsageError(
            f"{shown_uri(text)} contains keys, which the store ignores and logs may show: remove them, and use storage "
            "options (--storage-option) or environment variables such as AWS_ACCESS_KEY_ID"
        )
    return text


def shown_uri(uri: str) -> str:
    """The URI without the keys that it may contain: a user with a password, or a query, as signed addresses have."""
    scheme, separator, rest = uri.partition("://")
    if scheme != "file" and "?" in rest:
        return f"{shown_uri(uri.partition('?')[0])}?{REDACTED}"
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and (":" in user or not scheme.startswith("abfs")):  # abfs://CONTAINER@ACCOUNT has no keys
        return f"{scheme}{separator}{REDACTED}@{rest.removeprefix(f'{user}@')}"
    return uri


def check_conditional_writes(uri: str, options: Mapping[str, str] | None) -> None:
    """Raise ``StoreError`` if this is an object store that does not refuse the second of two conflicting writes."""
    _check_keys(uri, options)
    if _local_path(uri) is None:
        prove_put_if_absent(uri, options)


def _check_keys(uri: str, options: Mapping[str, str] | None) -> None:
    if _local_path(uri) is None:
        check_keys(options)


def _local_path(uri: str) -> Path | None:
    """The path of a table on this machine; ``None`` for an object store."""
    if uri.startswith("file://"):
        return Path(unquote(uri.removeprefix("file://")))
    return None if "://" in uri else Path(uri)


def is_delta(uri: str, options: Mapping[str, str] | None) -> bool:
    """True if there is any Delta table at the URI."""
    _check_keys(uri, options)
    with storage_errors(uri, options):
        return bool(require("deltalake", "store").DeltaTable.is_deltatable(uri, options))


def is_occupied(uri: str) -> bool:
    """True if a local path is a file, or a folder with other content than a Delta log."""
    path = _local_path(uri)
    return (
        path is not None
        and path.exists()
        and (not path.is_dir() or any(entry.name != "_delta_log" for entry in path.iterdir()))
    )


def check_space(uri: str, size: int) -> None:
    """Raise ``OSError`` if a local table cannot be written; the engine's own message is long and unclear."""
    path = _local_path(uri)
    if path is not None:
        with TemporaryFile(dir=path):
            pass
        if disk_usage(path).free < max(size, MIN_FREE_BYTES):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _create(uri: str, options: dict[str, str] | None, name: str, columns: pa.Schema) -> DeltaTable:
    deltalake, problems = require("deltalake", "store"), require("deltalake.exceptions", "store")
    with suppress(problems.CommitFailedError):  # another process created it at the same moment
        deltalake.DeltaTable.create(
            uri,
            columns,
            mode="ignore",
            name=name,
            partition_by=list(schema.PARTITIONS),
            configuration=schema.CONFIGURATION if "provisional" in columns.names else {},
            storage_options=options,
        )
    return deltalake.DeltaTable(uri, storage_options=options)


@contextmanager
def storage_errors(uri: str, options: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn errors of the engine and the operating system into a ``StoreError`` of one line, which shows no key."""
    problems = require("deltalake.exceptions", "store")
    try:
        yield
    except (problems.DeltaError, OSError) as error:
        reason = describe(error, options, is_local=_local_path(uri) is not None)
        shows_keys = REDACTED in reason or any(secret in str(error) for secret in secrets(options))
        raise StoreError(f"cannot use the table {uri}: {reason} (earlier commits are intact)") from (
            None if shows_keys else error
        )

"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from allium_market_data_wire import contract

from ..errors import UsageError

if TYPE_CHECKING:
    Column: TypeAlias = str
else:
    Column = Literal[tuple(field.column for field in contract.OPEN_INTEREST.decimals)]

OutputFormat: TypeAlias = Literal["csv", "jsonl", "parquet", "arrow", "table"]

Scale: TypeAlias = Literal["linear", "log", "index"]

Markets: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="MARKET...", help="One or more markets, like hl:perp:BTC-USDC.")
]
Interval: TypeAlias = Annotated[contract.Interval, typer.Option("--interval", "-i", help="Width of a bucket.")]
Start: TypeAlias = Annotated[
    str, typer.Option(metavar="TIME", help="Start of the span: ISO 8601 (UTC if it has no offset), or like -7d.")
]
End: TypeAlias = Annotated[str, typer.Option(metavar="TIME", help="End of the span (exclusive), like --start.")]
EndOrNow: TypeAlias = Annotated[
    str | None, typer.Option("--end", metavar="TIME", help="End of the span (exclusive), like --start. Default: now.")
]
BaseUrl: TypeAlias = Annotated[str | None, typer.Option(help="Base URL of the server.", envvar="ALLIUM_BASE_URL")]
Timeout: TypeAlias = Annotated[float, typer.Option(help="Seconds that one request may take.")]
Concurrency: TypeAlias = Annotated[
    int, typer.Option("--max-concurrency", help="Maximum number of concurrent requests.")
]
Rate: TypeAlias = Annotated[float | None, typer.Option("--max-rate", help="Maximum requests per second.")]
AllowInsecure: TypeAlias = Annotated[
    bool, typer.Option("--allow-insecure", help="Allow http to another machine, which sends the API key in the clear.")
]
Verbose: TypeAlias = Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each retry.")]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]

TableUri: TypeAlias = Annotated[str, typer.Option("--table", "-t", help="Folder or URI of the table.")]
MaxRequests: TypeAlias = Annotated[int | None, typer.Option(help="Maximum number of requests, retries included.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object; see store/README.md.")]
Settle: TypeAlias = Annotated[
    float | None,
    typer.Option(help="Days after which a bucket without a row counts as empty; by default 4, or 4 buckets."),
]
StorageOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Option of the object store, such as AWS_ENDPOINT_URL (repeatable)."),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Run a large plan without asking.")]


@dataclass(frozen=True, slots=True)
class Connection:
    """The options of a connection to the server."""

    base_url: BaseUrl = None
    timeout: Timeout = 30.0
    concurrency: Concurrency = 8
    rate: Rate = None
    allow_insecure: AllowInsecure = False
    verbose: Verbose = False


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have an option for each field of ``Connection``, in place of its keyword ``connection``."""
    own = inspect.signature(command, eval_str=True)
    fields = [
        field.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for field in inspect.signature(Connection, eval_str=True).parameters.values()
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        connection = Connection(**{field.name: values.pop(field.name) for field in fields})
        command(connection=connection, **values)

    parameters = [
        parameter
        for name, replaced in own.parameters.items()
        for parameter in (fields if name == "connection" else [replaced])
    ]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return run


def storage_options(pairs: list[str] | None) -> dict[str, str] | None:
    """The options of an object store. Raises ``UsageError`` without the text, which may be a key."""
    if not all("=" in pair for pair in pairs or ()):
        raise UsageError("--storage-option must be KEY=VALUE, such as AWS_REGION=eu-central-1")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs or ())} or None

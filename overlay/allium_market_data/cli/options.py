"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ..errors import UsageError

Markets: TypeAlias = Annotated[list[str], typer.Argument(help="One or more markets, like hl:perp:BTC-USDC.")]
Interval: TypeAlias = Annotated[str, typer.Option("--interval", "-i", help="Bucket width: 1m, 5m, 15m, 1h, 4h or 1d.")]
Start: TypeAlias = Annotated[str, typer.Option(help="Start of the span, ISO 8601; UTC if it has no offset.")]
End: TypeAlias = Annotated[str, typer.Option(help="End of the span (exclusive), ISO 8601.")]
BaseUrl: TypeAlias = Annotated[str | None, typer.Option(help="Base URL of the server.", envvar="ALLIUM_BASE_URL")]
Timeout: TypeAlias = Annotated[float, typer.Option(help="Seconds that one request may take.")]
Concurrency: TypeAlias = Annotated[int, typer.Option(help="Maximum number of concurrent requests.")]
Rate: TypeAlias = Annotated[float | None, typer.Option(help="Maximum requests per second.")]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]

TableUri: TypeAlias = Annotated[str, typer.Option("--table", "-t", help="Folder or URI of the table.")]
MaxRequests: TypeAlias = Annotated[int | None, typer.Option(help="Maximum number of requests, retries included.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object; see store/README.md.")]
StorageOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Option of the object store, such as AWS_ENDPOINT_URL (repeatable)."),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Run a large plan without asking.")]


def storage_options(pairs: list[str] | None) -> dict[str, str] | None:
    """The options of an object store. Raises ``UsageError`` without the text, which may be a key."""
    if not all("=" in pair for pair in pairs or ()):
        raise UsageError("--storage-option must be KEY=VALUE, such as AWS_REGION=eu-central-1")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs or ())} or None

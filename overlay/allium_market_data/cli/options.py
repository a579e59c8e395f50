"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

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
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Run a large plan without asking.")]

"""The command ``allium-md``: it parses arguments, calls the library and prints the result.

Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted; ``exit_status`` lists those of the commands of a table. A
failure is one message on standard error. Each command imports what it needs when it runs, so that ``--help`` is fast.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import AlliumError
from . import table as _table
from .exit_status import ExitStatus, interrupt_on_sigterm, plain_status
from .options import (
    Column,
    Connection,
    EndOrNow,
    Interval,
    Markets,
    OutputFormat,
    Overwrite,
    Scale,
    Start,
    StorageOption,
    with_connection,
)

app = typer.Typer(
    name="allium-md",
    help="Perpetual open interest from Allium's Market Data API: exact, any window, complete or an error. Unofficial.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # loading rich takes longer than the rest of a command
    pretty_exceptions_enable=False,
)


@contextmanager
def _failures(status_of: Callable[[BaseException], ExitStatus] = plain_status) -> Iterator[None]:
    """Turn every failure into one message and an exit status."""
    try:
        yield
    except AlliumError as error:
        _end(status_of(error), f"{error}")
    except KeyboardInterrupt as interrupt:
        status = status_of(interrupt)
        _end(status, f"{status}; nothing half-written stays")
    except BrokenPipeError:
        _mute()  # the reader closed the pipe
        raise SystemExit(1) from None
    except OSError as error:
        _mute()
        _end(ExitStatus.FAILED, f"cannot write {error.filename or 'standard output'}: {error.strerror or error}")


def _mute() -> None:
    """Discard what is buffered for standard output. Python would try to write it again at exit."""
    with suppress(OSError):
        output = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)


def _end(status: ExitStatus, message: str) -> None:
    from ..sanitize import clean
    from .wording import in_options

    print(f"allium-md: {clean(in_options(message))}", file=sys.stderr)
    raise SystemExit(int(status)) from None


@app.command("open-interest")
@_failures()
@with_connection
def open_interest(
    market: Markets,
    interval: Interval,
    start: Start,
    end: EndOrNow = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, which appears only when it is complete; - to print."),
    ] = None,
    format: Annotated[OutputFormat | None, typer.Option("--format", "-f", help="Format of the rows.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds that the whole command may take.")] = None,
    overwrite: Overwrite = False,
    *,
    connection: Connection,
) -> None:
    """Fetch every row of one or more markets. The API key comes from ALLIUM_API_KEY.

    Without --output, rows are printed: a table on a terminal, CSV in a pipe. With it, the format follows the file suffix.
    """
    from ..client.plan import plan_metadata
    from . import output as console

    markets = list(dict.fromkeys(market))
    output = None if output == Path("-") else output
    chosen = console.choose_format(format, output)
    with console.connect(connection) as client:
        plan = client.plan(interval=interval, start=start, end=end)
        span: Any = {"interval": interval, "start": plan.start, "end": plan.end, "deadline": deadline}
        with console.progress(len(plan) * len(markets)) as track:
            streams = [  # made before the first request, so that a wrong market is reported first
                client.iter_open_interest(market_id, **span, by="page", progress=track()) for market_id in markets
            ]
            pages = chain.from_iterable(streams)
            console.deliver(pages, plan, plan_metadata(plan, client.base_url), chosen, output, overwrite)


@app.command()
@_failures()
@with_connection
def plot(
    market: Markets,
    interval: Interval,
    start: Start,
    output: Annotated[Path, typer.Option("--output", "-o", help="Chart to write: .png, .svg or .pdf.")],
    end: EndOrNow = None,
    amount: Annotated[Column | None, typer.Option(help="Column to draw. Default: the last.")] = None,
    scale: Annotated[Scale, typer.Option(help="index: the first row of each market is 100.")] = "linear",
    overwrite: Overwrite = False,
    table: Annotated[str | None, typer.Option(help="Read the rows from this table instead of the server.")] = None,
    storage_option: StorageOption = None,
    *,
    connection: Connection,
) -> None:
    """Draw a chart of one or more markets. The API key comes from ALLIUM_API_KEY."""
    from ..model.endpoint import OPEN_INTEREST
    from ..series.plot import check_plot_target, save_plot
    from .output import connect

    check_plot_target(output, OPEN_INTEREST, amount, scale, overwrite=overwrite)  # before the first request
    if table is not None:
        series = _table.read_series(table, market, interval, start, end or "now", storage_option)
    else:
        with connect(connection) as client:
            series = client.open_interest(market, interval=interval, start=start, end=end)
    save_plot(list(series.values()), output, amount=amount, scale=scale, overwrite=overwrite)


@app.command()
@_failures()
def plan(interval: Interval, start: Start, end: EndOrNow = None) -> None:
    """Show the requests that a fetch needs, without sending any."""
    from allium_market_data_wire.contract import SERVER

    from ..client.sync_client import MarketData
    from . import output as console

    console.show_plan(MarketData("", SERVER).plan(interval=interval, start=start, end=end))


@app.command()
@_failures()
def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="File of raw samples: CSV, CSV with gzip, or Parquet (repeatable)."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMNS", help="Columns of the files: ts=time:ms,oi_base=sumOpenInterest (repeatable)."
        ),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Skip and count rows that are invalid.")
    ] = False,
    api_key: Annotated[str, typer.Option(help="The key to accept.")] = "sandbox-key",
    reading: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Simulate this reading (repeatable); an unknown name lists them."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic samples.")] = 20260501,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Simulate this fault (repeatable, in order); an unknown name lists them."),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", help="Allow web pages of this origin, besides this machine's (repeatable); * for all."
        ),
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Print a line for each request, without keys.")
    ] = False,
) -> None:
    """Serve the endpoint on this machine, with real samples, synthetic ones, or your own."""
    try:
        from .sandbox import Options, run
    except ImportError as error:
        raise AlliumError(str(error)) from None
    run(
        Options(
            port=port, host=host, data=data or (), columns=columns or (), skip_bad_rows=skip_bad_rows, api_key=api_key,
            readings=reading or (), seed=seed, faults=fault or (), cors_origins=cors_origin or (), access_log=access_log,
        )
    )  # fmt: skip


_table.register(app, _failures)


@app.command()
@_failures()
def drift(
    upstream: Annotated[
        list[str] | None,
        typer.Option(help="New page or OpenAPI document: file or URL (repeatable). Default: as published."),
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="What to compare with (repeatable). Default: this client's pages.")
    ] = None,
    report_dir: Annotated[Path | None, typer.Option(help="Folder for drift.json, drift.md and drift.html.")] = None,
    accepted: Annotated[Path | None, typer.Option(help="TOML file of accepted changes.")] = None,
    history: Annotated[Path | None, typer.Option(help="JSON Lines file; each run appends a line.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Base URL of the server.", envvar="ALLIUM_BASE_URL")] = None,
    api_key: Annotated[str | None, typer.Option(help="API key; ALLIUM_API_KEY is safer.", show_default=False)] = None,
    market: Annotated[str | None, typer.Option(help="Perpetual market with data around --around.")] = None,
    around: Annotated[str | None, typer.Option(help="Past instant with 30 days of data before it, 14 after.")] = None,
    profile: Annotated[Path | None, typer.Option(help="Recorded behaviour. Default: spec/observed.*.toml.")] = None,
    no_live: Annotated[bool, typer.Option("--no-live", help="Do not check the server, even with an API key.")] = False,
) -> None:
    """Show what changed upstream and what it breaks.

    Exit status: 0 no change that matters, 3 compatible change, 4 breaking change, 5 a sentence to read, 1 the check failed.
    With an API key, the conformance suite checks the server too.
    """
    try:
        from . import drift as command

        server = None if no_live else command.server_options(api_key, base_url, market, around, profile)
        reason = command.NO_LIVE if no_live else command.NO_KEY
        status = command.run(
            command.Options(upstream or (), baseline or (), accepted, report_dir, history, server, reason)
        )
    except ImportError as error:
        raise AlliumError(f"the drift check is an extra: pip install 'allium-market-data[drift]' ({error})") from None
    raise SystemExit(status)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        from ..version import VERSION

        typer.echo(f"allium-md {VERSION}")
        raise typer.Exit


def _raise_again(swallowed: sys.UnraisableHookArgs) -> None:
    """Raise a KeyboardInterrupt again that Python swallowed in a finalizer."""
    if issubclass(swallowed.exc_type, KeyboardInterrupt):
        threading.Timer(0.01, _interrupt).start()  # from another thread, or Python would swallow it here too
    else:
        sys.__unraisablehook__(swallowed)


def _interrupt() -> None:
    """Interrupt the main thread as Ctrl-C does. A signal also ends a wait for a lock."""
    if hasattr(signal, "pthread_kill") and (main_thread := threading.main_thread().ident) is not None:
        signal.pthread_kill(main_thread, signal.SIGINT)
    else:
        _thread.interrupt_main()


def main() -> None:
    """The entry point of ``allium-md``."""
    sys.unraisablehook = _raise_again
    interrupt_on_sigterm()
    with _failures():
        try:
            app()
        finally:
            sys.stdout.flush()  # here a full disk becomes one message

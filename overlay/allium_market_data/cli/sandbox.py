"""``allium-md sandbox``: serve the endpoint until Ctrl-C, after printing where it is and what it holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from allium_market_data_wire.contract import KEY_HEADER

from ..counts import counted
from ..errors import SandboxError
from ..sandbox import DEFAULT_API_KEY, DEFAULT_SEED, Samples, create_app, reading_named, serve
from ..sandbox.endpoint import SandboxEndpoint
from ..sandbox.faults import faults_named
from ..sandbox.faults.server import serve_with_faults
from ..sandbox.server import LOOPBACK


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command. ``port`` 0 takes a free one."""

    port: int = 0
    host: str = LOOPBACK
    data: Sequence[Path] = ()
    columns: Sequence[str] = ()
    skip_bad_rows: bool = False
    api_key: str = DEFAULT_API_KEY
    readings: Sequence[str] = ()
    seed: int = DEFAULT_SEED
    faults: Sequence[str] = ()
    cors_origins: Sequence[str] = ()
    access_log: bool = False


def run(options: Options) -> None:
    """Serve a sandbox until it is interrupted.

    Raises `SandboxError` for a broken file, an unknown or contradictory reading, an unknown fault, an address that
    cannot be used and a key that cannot be sent.
    """
    if options.faults and options.cors_origins:
        raise SandboxError("--cors-origin has no effect with --fault: leave one of them out")
    reading, faults = reading_named(options.readings), faults_named(options.faults)
    with Samples.open(
        options.data, options.seed, columns=options.columns, skip_bad_rows=options.skip_bad_rows
    ) as samples:
        access_log = _print_line if options.access_log else None
        app = create_app(  # checks the key
            samples, reading, options.api_key, cors_origins=options.cors_origins, access_log=access_log
        )

        def show(base_url: str) -> None:
            print("\n".join([f"sandbox at {base_url}", *_banner(samples, options)]), flush=True)

        if faults:
            endpoint = SandboxEndpoint(samples, reading, options.api_key)
            serve_with_faults(endpoint, faults, options.host, options.port, show, access_log)
        else:
            serve(app, options.host, options.port, show)


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _banner(samples: Samples, options: Options) -> Iterator[str]:
    # A key that the user chose is a secret; the default one is in the documentation.
    yield f"header {KEY_HEADER}: {options.api_key if options.api_key == DEFAULT_API_KEY else 'the one you gave'}"
    yield f"reading: {', '.join(options.readings) or 'plain'}"
    if options.faults:
        yield f"simulated faults: {', '.join(options.faults)}"
    for file in samples.files:
        skipped = f", {file.skipped:,} of them bad and skipped; the first: {file.first_problem}" if file.skipped else ""
        yield f"{file.path}: {counted(file.rows, 'row')}{skipped}"
    yield "markets:"
    for source in samples.sources:
        yield f"  {source.market_id:<24} {source.kind:<10} {source.note}"

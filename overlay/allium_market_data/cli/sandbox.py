"""``allium-md sandbox``: serve the endpoint until Ctrl-C, after printing where it is and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..sandbox import DEFAULT_API_KEY, Samples, create_app, reading_named, serve
from ..sandbox.endpoint import SandboxEndpoint
from ..sandbox.faults import faults_named
from ..sandbox.faults.server import serve_with_faults


def run(
    port: int,
    host: str,
    data: Sequence[Path],
    api_key: str,
    readings: Sequence[str],
    seed: int,
    faults: Sequence[str] = (),
) -> None:
    """Serve a sandbox until it is interrupted. ``port`` 0 takes a free one.

    Raises `SandboxError` for a broken file, an unknown or contradictory reading, an unknown fault, an address that
    cannot be used and a key that cannot be sent.
    """
    reading, chosen = reading_named(readings), faults_named(faults)
    with Samples.open(data, seed) as samples:
        app = create_app(samples, reading, api_key)  # checks the key

        def show(base_url: str) -> None:
            print("\n".join([f"sandbox at {base_url}", *_banner(samples, api_key, readings, faults)]), flush=True)

        if chosen:
            serve_with_faults(SandboxEndpoint(samples, reading, api_key), chosen, host, port, show)
        else:
            serve(app, host, port, show)


def _banner(samples: Samples, api_key: str, readings: Sequence[str], faults: Sequence[str]) -> list[str]:
    # A key that the user chose is a secret; the default one is in the documentation.
    key = api_key if api_key == DEFAULT_API_KEY else "the one you gave"
    return [
        f"header X-API-KEY: {key}",
        f"reading: {', '.join(readings) or 'plain'}",
        *([f"simulated faults: {', '.join(faults)}"] if faults else []),
        "markets:",
        *(f"  {source.market_id:<24} {source.kind:<10} {source.note}" for source in samples.sources),
    ]

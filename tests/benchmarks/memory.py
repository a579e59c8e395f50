"""The peak memory of a streamed export over that of the import: prints MiB as one JSON object.

It measures its own process, so each size needs a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path

import pyarrow.compute
import pyarrow.parquet  # noqa: F401 - imported before the first measurement
from server import MARKET, MINUTE, START

from allium_market_data import MarketData
from allium_market_data.client import transport  # noqa: F401
from allium_market_data.formats.files import Format, write
from allium_market_data.model.endpoint import OPEN_INTEREST


def peak() -> float:
    """The peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Stream ``--rows`` rows into a file and print the peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--format", choices=["parquet", "csv"], required=True)
    given = parser.parse_args()
    form: Format = given.format
    before = peak()
    with MarketData("benchmark", given.url) as client, tempfile.TemporaryDirectory() as folder:
        end = START + given.rows * MINUTE
        pages = client.iter_open_interest(MARKET, interval="1m", start=START, end=end, by="page")
        parts = ((page.market_id, page.columns) for page in pages)
        assert (
            write(parts, Path(folder) / f"rows.{form}", form, interval="1m", fields=OPEN_INTEREST.columns) == given.rows
        )
    print(json.dumps({"import": before, "over": peak() - before}))


if __name__ == "__main__":
    main()

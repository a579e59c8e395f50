"""The same pieces of work for coinmetrics-api-client, on the same rows in its own format: prints seconds, one JSON object a line.

It runs in an environment of its own. ``stream`` is its default, one long response; ``pages`` requests 5,000 rows at a time.
Its rows are dictionaries of text, and its frames hold floats.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from coinmetrics.api_client import CoinMetricsClient

MARKET = "hl:perp:BTC-USDC"
MODES = {"stream": {}, "pages": {"format": "json", "page_size": 5_000}}


def _parquet(collection):
    with tempfile.TemporaryDirectory() as folder:
        collection.export_to_parquet(str(Path(folder) / "rows.parquet"))


WORK = {
    "rows": lambda collection: collection.to_list(),
    "polars": lambda collection: collection.to_dataframe(dataframe_type="polars"),
    "pandas": lambda collection: collection.to_dataframe(),
    "parquet": _parquet,
}


def main():
    """Do each piece of work in both modes ``--times`` times, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    client = CoinMetricsClient("benchmark")
    client._api_base_url = f"{given.url}/v4"
    for turn in range(given.times + 1):
        for name, work in WORK.items():
            for mode, options in MODES.items():
                began = time.perf_counter()
                work(client.get_market_open_interest(markets=MARKET, **options))
                if turn:
                    print(json.dumps({"work": f"{name} {mode}", "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()

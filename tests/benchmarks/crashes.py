"""``nox -s crashes``: kill -9 at random instants, many times, and what came of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from allium_market_data.sandbox import Samples
from support.crashing import crash


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Samples.open() as samples:
        account = crash(Path(folder), samples, told.kills, told.seed)
    print(f"{account.kills} kills over {account.tables} tables: every table equal to the undisturbed one, row for row,")
    print("no complete window asked again; table versions at which runs began:", account.at_versions)


if __name__ == "__main__":
    main()

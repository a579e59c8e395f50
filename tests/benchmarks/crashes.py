"""``nox -s crashes``: kill backfills with SIGKILL at random events, many times, and compare every table."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from allium_market_data.sandbox import Samples
from support.crashing import Event, Kill, crash

KILLS_PER_TABLE = 5


def random_kills(seed: int) -> Iterator[list[Kill]]:
    """For each table, kills at random events, up to a tenth of a second later: before, within and after commits."""
    chance = random.Random(seed)
    events: tuple[Event, ...] = ("request", "write", "commit")
    while True:
        yield [
            Kill(chance.choice(events), chance.randint(1, 3), chance.choice([0.0, chance.random() / 10]))
            for _ in range(KILLS_PER_TABLE)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Samples.open() as samples:
        account = crash(Path(folder), samples, random_kills(arguments.seed), arguments.kills)
    print(f"{account.kills} kills over {account.tables} tables: every table equals the undisturbed one, row for row,")
    print("and no complete window was requested again; table versions at the start of each run:", account.versions)


if __name__ == "__main__":
    main()

"""The long run: atheris changes the kept inputs of a target, guided by what they reach, and looks for one that fails it.

``python -m fuzz.run --seconds 300 --target decode``. What fails is written into the target's corpus, where the tests find
it from then on. What only reaches new code goes to a folder of its own; ``--keep`` adds the few of those that reach what
the corpus does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.reach import keep

LONGEST = 8_192
"""Bytes of an input: room for a number of more digits than Python reads (4,300)."""

HERE = Path(__file__).parent
WORDS = HERE / "words"
NAMES = sorted(path.stem for path in WORDS.glob("*.dict"))

CODE = ("allium_market_data",)
"""Packages whose code guides the search. With YAML's own code it is fifty times slower, and finds what YAML does."""


def _inside(name: str, options: list[str]) -> None:
    """Run a target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=list(CODE)):
        from fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def fuzz(name: str, seconds: int, found: Path) -> int:
    """Fuzz a target in a process of its own; the status is 0 where nothing failed."""
    kept = HERE / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=3000"]
    options += [
        f"-dict={WORDS / name}.dict",
        f"-artifact_prefix={kept}/",
        "-print_final_stats=1",
        str(found),
        str(kept),
    ]
    return subprocess.run([sys.executable, "-m", "fuzz.run", "--inside", name, *options], check=False).returncode


def main() -> int:
    """The command line."""
    if sys.argv[1:2] == ["--inside"]:
        _inside(sys.argv[2], sys.argv[3:])
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=int, default=60, help="how long to search, for each target")
    words.add_argument("--target", action="append", choices=NAMES, help="may be repeated; all of them otherwise")
    words.add_argument("--found", type=Path, help="folder for inputs that reach something new, to go on from")
    words.add_argument("--keep", action="store_true", help="add the few that the corpus lacks to it")
    told = words.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in told.target or NAMES:
            found = (told.found or Path(scratch)) / name
            print(f"== {name}: {told.seconds} s", flush=True)
            if fuzz(name, told.seconds, found):
                failed.append(name)
            if told.keep:
                print(f"{name}: {keep(name, found)} inputs added", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}; the inputs are in tests/fuzz/corpus", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())

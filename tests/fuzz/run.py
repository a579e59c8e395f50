"""The long run: atheris mutates the corpus of a target, guided by coverage, and searches for an input that fails.

``python -m fuzz.run --seconds 300 --target decode``. A failing input is written to the target's corpus, where the tests
replay it. Inputs that reach new code go to a folder of their own; ``--keep`` adds a minimal set of them to the corpus.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.reach import keep

LONGEST = 8_192
"""The longest input, in bytes: room for a number of more digits than Python converts (4,300)."""

HERE = Path(__file__).parent
WORDS = HERE / "words"
NAMES = sorted(path.stem for path in WORDS.glob("*.dict"))

CODE = ("allium_market_data",)
"""Packages whose coverage guides the search. With PyYAML it is fifty times slower."""


def _inside(name: str, options: list[str]) -> None:
    """Run a target in this process. libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=list(CODE)):
        from fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def fuzz(name: str, seconds: int, found: Path) -> int:
    """Fuzz a target in a process of its own; return its status, 0 if nothing failed."""
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
    """Run the command line."""
    if sys.argv[1:2] == ["--inside"]:
        _inside(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="seconds for each target")
    parser.add_argument("--target", action="append", choices=NAMES, help="repeatable; default: all")
    parser.add_argument("--found", type=Path, help="folder for inputs that reach new code, to resume from")
    parser.add_argument("--keep", action="store_true", help="add a minimal set of them to the corpus")
    arguments = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.target or NAMES:
            found = (arguments.found or Path(scratch)) / name
            print(f"== {name}: {arguments.seconds} s", flush=True)
            if fuzz(name, arguments.seconds, found):
                failed.append(name)
            if arguments.keep:
                print(f"{name}: {keep(name, found)} inputs added", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}; the inputs are in tests/fuzz/corpus", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())

"""``python -m allium_market_data.codegen``: what ``nox -s update_spec`` and ``nox -s generate`` run."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from ..codegen.project import PACKAGE, UPSTREAM, Plan, plan_generate, plan_update, published
from ..errors import SpecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 if done, 1 if it failed or ``--check`` found a difference, 2 (by argparse) for wrong usage."""
    options = _parser().parse_args(arguments)
    now = dt.datetime.now(dt.UTC)
    today = now.date()
    try:
        if options.command == "update":
            sources = [*options.sources, *(published(options.root) if options.published else ())]
            return _update(plan_update(options.root, sources, today=today), now, dry_run=options.dry_run)
        return _generate(plan_generate(options.root, today=today), check=options.check)
    except (SpecError, OSError) as problem:
        print(f"error: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    except ImportError as problem:
        print(
            f"error: {problem}; the dependency group `spec` and the extra `drift` hold what this needs", file=sys.stderr
        )
        return 1


def _update(plan: Plan, now: dt.datetime, *, dry_run: bool) -> int:
    """The judgement first: it is made, and printed, before anything changes."""
    found = plan.differences()
    if not found:
        print("The specification and the generated package are up to date.")
        return 0
    _judge(plan, now)
    print("Would change:" if dry_run else "Changed:")
    print("\n".join(found))
    if not dry_run:
        plan.apply()
    return 0


def _judge(plan: Plan, now: dt.datetime) -> None:
    from ..drift.update_check import check_update
    from .drift import print_result

    result = check_update(plan, now)
    if result is not None:
        print_result(result)
        sys.stdout.flush()


def _generate(plan: Plan, *, check: bool) -> int:
    found = plan.differences()
    if not check:
        plan.apply()
        print(f"{PACKAGE} is {'new' if found else 'as it was'}.")
        return 0
    if found:
        print("\n".join(found))
        print(f"error: {len(found)} file(s) differ from what `nox -s generate` makes", file=sys.stderr)
        return 1
    print(f"{PACKAGE} is what `nox -s generate` makes.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="allium_market_data.codegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    update = commands.add_parser("update", help=f"read the pages in {UPSTREAM} and make everything anew")
    update.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="FILE-OR-URL", help="take this page in first"
    )
    update.add_argument("--published", action="store_true", help="take in every page from its address in the lock file")
    update.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    generate = commands.add_parser("generate", help=f"make {PACKAGE} anew")
    generate.add_argument("--check", action="store_true", help="say what differs, and exit 1 if anything does")
    for command in (update, generate):
        command.add_argument("--root", type=Path, default=Path(), help="the repository (default: this folder)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

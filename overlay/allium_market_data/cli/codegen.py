"""``python -m allium_market_data.cli.codegen``: the command of ``nox -s update_spec`` and ``nox -s generate`` run."""

from __future__ import annotations

import argparse
import datetime as dt
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from ..codegen.clauses import CLAUSES
from ..codegen.overlay import OVERLAY
from ..codegen.project import (
    PACKAGE,
    UPSTREAM,
    Plan,
    ProposalError,
    plan_generate,
    plan_update,
    published,
)
from ..codegen.proposal import Proposal
from ..errors import SpecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 if done, 1 if it failed or ``--check`` found a difference, 2 (by argparse) for wrong usage."""
    options = _parser().parse_args(arguments)
    now = dt.datetime.now(dt.UTC)
    today = now.date()
    try:
        if options.command == "update":
            sources = [*options.sources, *(published(options.root) if options.published else ())]
            return _update(
                plan_update(options.root, sources, today=today, accept=options.accept), now, dry_run=options.dry_run
            )
        return _generate(plan_generate(options.root, today=today), check=options.check)
    except ProposalError as error:
        _print_proposal(error.proposal, options.root)
        return 1
    except (SpecError, OSError) as problem:
        print(f"error: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    except ImportError as problem:
        print(f"error: {problem}: install the dependency group `spec` and the extra `drift`", file=sys.stderr)
        return 1


def _update(plan: Plan, now: dt.datetime, *, dry_run: bool) -> int:
    """Print the result of the drift check, then what changes, and then change it."""
    changes = plan.differences()
    if not changes:
        print("The specification and the generated package are up to date.")
        return 0
    _judge(plan, now)
    print("Would change:" if dry_run else "Changed:")
    print("\n".join(changes))
    if not dry_run:
        plan.apply()
    return 0


def _print_proposal(proposal: Proposal, root: Path) -> None:
    """What was renamed, the proposed edits as a diff, and the questions."""
    print("\n".join(f"Renamed: {rename}." for rename in proposal.renames))
    texts = {OVERLAY: proposal.overlay, CLAUSES: proposal.clauses}
    for path, text in texts.items():
        old = (root / path).read_text(encoding="utf-8").splitlines(keepends=True)
        sys.stdout.writelines(difflib.unified_diff(old, text.splitlines(keepends=True), path, path, n=1))
    if proposal.questions:
        print("Questions, to be answered by edits of spec/ before the next run:")
        print("\n".join(f"  {question}" for question in proposal.questions))
        print(f"error: {len(proposal.questions)} question(s); nothing was written", file=sys.stderr)
    else:
        print("error: the edits above are needed; write them with --accept. Nothing was written.", file=sys.stderr)


def _judge(plan: Plan, now: dt.datetime) -> None:
    from ..drift.update_check import check_update
    from .drift import print_result

    result = check_update(plan, now)
    if result is not None:
        print_result(result)
        sys.stdout.flush()


def _generate(plan: Plan, *, check: bool) -> int:
    changes = plan.differences()
    if not check:
        plan.apply()
        print(f"{PACKAGE} was {'changed' if changes else 'up to date'}.")
        return 0
    if changes:
        print("\n".join(changes))
        print(f"error: {len(changes)} file(s) differ from the output of `nox -s generate`", file=sys.stderr)
        return 1
    print(f"{PACKAGE} is up to date.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m allium_market_data.cli.codegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    update = commands.add_parser("update", help=f"read the pages in {UPSTREAM} and build everything again")
    update.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="FILE-OR-URL",
        help="import this page first (repeatable)",
    )
    update.add_argument("--published", action="store_true", help="import every page from its address in the lock file")
    update.add_argument("--accept", action="store_true", help="write the proposed edits of spec/ too")
    update.add_argument("--dry-run", action="store_true", help="show what would change, without changing it")
    generate = commands.add_parser("generate", help=f"generate {PACKAGE} again")
    generate.add_argument("--check", action="store_true", help="show what differs, and exit with 1 if anything does")
    for command in (update, generate):
        command.add_argument("--root", type=Path, default=Path(), help="the repository (default: the current folder)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

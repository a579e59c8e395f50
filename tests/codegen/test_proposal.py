"""What ``update_spec`` proposes: edits that make spec/ fit a new page, or questions with their place; nothing half-done."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from allium_market_data.cli.codegen import main
from allium_market_data.codegen import project
from allium_market_data.codegen.clause_edits import replaced
from allium_market_data.codegen.clauses import CLAUSES, Published, read_entries, stated, unquoted
from allium_market_data.codegen.document import merge
from allium_market_data.codegen.file_tree import read as read_tree
from allium_market_data.codegen.overlay import OVERLAY
from allium_market_data.codegen.page import read
from allium_market_data.codegen.proposal import Proposal, propose
from support.moves import MOVES, PAGE, PATH, Move

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "spec", tmp_path / "root/spec")
    shutil.copytree(ROOT / "generated", tmp_path / "root/generated", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "root"


@pytest.fixture
def update(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(page: str, *arguments: str) -> tuple[int, str, str]:
        source = tmp_path / PAGE.name
        source.write_text(page, encoding="utf-8")
        status = main(["update", "--from", str(source), *arguments, "--root", str(root)])
        return status, *capsys.readouterr()

    return command


def published(text: str) -> Published:
    page = read(PAGE.name, text.encode())
    return Published([page], merge(page.parts))


def proposed(text: str) -> Proposal:
    overlay, clauses = ((ROOT / path).read_text(encoding="utf-8") for path in (OVERLAY, CLAUSES))
    return propose(overlay, clauses, published(PAGE.read_text(encoding="utf-8")), published(text))


def line_of(clause: str) -> int:
    lines = (ROOT / CLAUSES).read_text(encoding="utf-8").splitlines()
    return lines.index(f'id = "{clause}"') + 1


def edited(*edits: tuple[str, str]) -> str:
    return Move("edited", edits).page()


def test_the_page_as_it_is_needs_no_edit() -> None:
    proposal = proposed(PAGE.read_text(encoding="utf-8"))
    assert proposal == Proposal((ROOT / OVERLAY).read_text(), (ROOT / CLAUSES).read_text(), (), ())


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_the_proposal_fits_the_new_page(move: Move) -> None:
    proposal, page = proposed(move.page()), published(move.page())
    entries = read_entries(proposal.clauses)
    assert proposal.questions == ()
    assert [entry for entry in entries if not stated(entry, page)] == []
    assert list(unquoted(entries, page)) == []


@pytest.mark.parametrize("move", [MOVES[0], MOVES[3], MOVES[-2]], ids=lambda move: move.name)  # all: tests/system/moves
def test_nothing_is_written_before_the_edits_are_accepted(root: Path, update: Run, move: Move) -> None:
    before = read_tree(root)
    status, output, error = update(move.page())
    assert (status, "--accept" in error) == (1, True)
    assert "+++ spec/" in output
    assert read_tree(root) == before
    status, output, error = update(move.page(), "--accept")
    assert (status, error) == (0, "")
    assert main(["generate", "--check", "--root", str(root)]) == 0
    assert (root / project.UPSTREAM / PAGE.name).read_text(encoding="utf-8") == move.page()


@pytest.mark.parametrize(
    ("name", "renames"),
    [
        ("from-and-to", ["the parameter start_timestamp is now from", "the parameter end_timestamp is now to"]),
        ("ts-renamed", ["the field ts is now open_time"]),
        ("path-v2", [f"the path {PATH} is now {PATH.replace('v1', 'v2')}"]),
        ("another-key-header", ["the header X-API-KEY is now X-Allium-Key"]),
        ("cap-31-days", []),
    ],
)
def test_a_rename_is_told_as_one(name: str, renames: list[str]) -> None:
    (move,) = (move for move in MOVES if move.name == name)
    assert list(proposed(move.page()).renames) == renames


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (
            edited(("Perp markets only.", "")),
            f"{CLAUSES}:{line_of('market.perpetual-only-1')}: market.perpetual-only-1: the page",
        ),
        (edited(("Perp markets only.", "Perp markets only. Rows are late.")), "no entry quotes 'Rows are late.'"),
        (edited(("is currently capped at **7 days** per request", "is not capped")), "window.cap-1"),
        (edited(("base-asset units", "contracts")), f"{OVERLAY}:"),
        (
            edited(("          example: 1h", "          example: 1h\n          deprecated: true")),
            "parameters/1/deprecated",
        ),
    ],
)
def test_what_cannot_be_known_is_a_question_with_its_place(root: Path, update: Run, page: str, question: str) -> None:
    before = read_tree(root)
    status, output, error = update(page, "--accept")
    assert status == 1
    assert question in output
    assert "nothing was written" in error
    assert read_tree(root) == before


def test_a_question_is_answered_by_an_edit_of_the_files(root: Path, update: Run) -> None:
    page = edited(("Perp markets only.", "Perp markets only. Rows are late."))
    clauses = root / CLAUSES
    clauses.write_text(
        clauses.read_text() + '\n[[clause]]\nid = "series.late-1"\nstands = "prose"\nquote = "Rows are late."\n'
    )
    assert update(page)[0] == 0


def test_a_required_parameter_without_a_role_is_an_error(root: Path, update: Run) -> None:
    more = "        - name: venue\n          in: query\n          required: true\n          schema:\n            type: string\n"
    status, output, _ = update(edited(("        - name: limit\n", f"{more}        - name: limit\n")), "--accept")
    assert status == 1
    assert "parameters/4" in output


@pytest.mark.parametrize(
    ("old", "new", "quote", "expected"),
    [
        ("Capped at 7 days per request.", "Capped at 31 days per request.", "at 7 days", "at 31 days"),
        ("One. Two. Three.", "One. Three.", "Two.", None),
        ("One. Two.", "Zero. One. Two.", "One.", "One."),
        ("in base units now", "in lots", "base units", None),
        ("One.", "One.", "Two.", None),
    ],
)
def test_the_text_that_replaced_a_quote(old: str, new: str, quote: str, expected: str | None) -> None:
    assert replaced(old, new, quote) == expected

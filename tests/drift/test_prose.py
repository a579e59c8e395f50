"""Sentences that were quoted must still stand; other wording is told apart from that."""

from __future__ import annotations

import pytest

from allium_market_data.drift import Judgement, Level, Source, judge
from allium_market_data.drift.diff.clauses import Clause, read_clauses
from allium_market_data.drift.diff.sentences import fold, nearest, sentences, stands, weighty
from allium_market_data.errors import SpecError

DOCUMENT = """\
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /a:
    get:
      description: Rows of a table. At most 10 rows.
      parameters:
        - {name: n, in: query, description: How many., schema: {type: integer}}
      responses: {'200': {description: OK}}
"""
PROSE = "# A\n\n> About rows.\n\nRows never change. A request spans at most **7 days**. See the site.\n"
CLAUSES = (
    Clause("row.fixed-1", "prose", "Rows never change."),
    Clause("window.cap-1", "prose", "A request spans at most **7 days**."),
    Clause("limit.rows-1", "/paths/~1a/get/description", "At most 10 rows."),
    Clause("limit.count-1", "/paths/~1a/get/parameters/0/description", "How many."),
    Clause("limit.type-1", "/paths/~1a/get/parameters/0/schema", "type: integer"),
)


def page(prose: str = PROSE, document: str = DOCUMENT, name: str = "a.md") -> Source:
    return Source.of_bytes([(name, f"{prose}\n```yaml\n{document}```\n".encode())])


def bare(document: str = DOCUMENT) -> Source:
    return Source.of_bytes([("a.yaml", document.encode())])


def judged(new: Source, old: Source | None = None) -> Judgement:
    return judge(old or page(), new, CLAUSES, examples=False)


def said(found: Judgement) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(str(change.level), change.kind, change.clauses) for change in found.changes]


def test_the_same_page_says_nothing() -> None:
    assert judged(page()) == Judgement()


def test_a_clause_that_is_gone_stands_beside_what_is_nearest() -> None:
    found = judged(page(PROSE.replace("7 days", "31 days")))
    assert said(found) == [("breaking", "prose.clause", ("window.cap-1",))]
    change = found.changes[0]
    assert (change.place, change.old) == ("prose", "A request spans at most 7 days.")
    assert change.new == change.nearest == "A request spans at most 31 days."
    assert change.sentence == (
        "The page no longer says “A request spans at most 7 days.”; "
        "the nearest to it now is “A request spans at most 31 days.”."
    )


def test_a_clause_that_is_gone_with_nothing_like_it() -> None:
    found = judged(page("Hello.\n"))
    assert [change.nearest for change in found.changes if change.kind == "prose.clause"] == ["", ""]
    assert found.changes[0].new is None
    assert found.changes[0].sentence.endswith("and nothing like it.")


def test_a_clause_that_moves_into_a_description_stands() -> None:
    moved = page(PROSE.replace("Rows never change. ", ""), DOCUMENT.replace("OK}", "Rows never change.}"))
    assert {level for level, _, _ in said(judged(moved))} == {"docs"}


def test_a_description_that_moves_into_the_prose_stands() -> None:
    moved = page(PROSE + "\nAt most 10 rows.\n", DOCUMENT.replace(" At most 10 rows.", ""))
    assert {level for level, _, _ in said(judged(moved))} == {"docs"}


def test_a_description_that_moves_to_the_schema_stands() -> None:
    moved = DOCUMENT.replace("description: How many., schema: {type", "schema: {description: How many., type")
    assert {level for level, _, _ in said(judged(page(document=moved)))} == {"docs"}


def test_a_description_that_moves_to_another_parameter_does_not() -> None:
    moved = DOCUMENT.replace("How many.", "See below.").replace("Rows of a table.", "How many.")
    found = said(judged(page(document=moved)))
    assert ("breaking", "prose.description", ("limit.count-1",)) in found


def test_one_edited_description_is_one_change() -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows", "20 rows")))
    assert said(found) == [("breaking", "prose.description", ("limit.rows-1",))]
    assert found.changes[0].place == "/paths/~1a/get/description"
    assert found.changes[0].where == "the description of GET /a"


@pytest.mark.parametrize("more", ["It is in thousands.", "Never more than once.", "From 2027 on."])
def test_a_weighty_word_beside_a_quote_counts(more: str) -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows.", f"10 rows. {more}")))
    assert said(found) == [("breaking", "prose.description", ("limit.rows-1",))]


def test_a_light_word_beside_a_quote_does_not() -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows.", "10 rows. See the guide.")))
    assert said(found) == [("docs", "words.description", ())] or found.verdict is Level.DOCS


def test_a_negation_around_a_quote_counts() -> None:
    clause = (Clause("row.fixed-1", "prose", "Rows never change"),)
    old, new = page("Rows never change."), page("Rows never change, except on 3 days.")
    assert judge(old, new, clause, examples=False).changes[0].clauses == ("row.fixed-1",)
    light = page("Rows never change, we think.")
    assert judge(old, light, clause, examples=False).verdict is Level.DOCS


def test_wording_beside_the_clauses_is_docs() -> None:
    found = judged(page(PROSE.replace("See the site.", "Ask us.")))
    assert said(found) == [("docs", "prose.wording", ())]
    assert found.changes[0].sentence == "The page said “See the site.”, and says “Ask us.” now."
    more = judged(page(PROSE + "\nBye.\n"))
    assert [change.sentence for change in more.changes] == ["The page says in addition: “Bye.”."]
    less = judged(page(PROSE.replace("See the site.", "")))
    assert [change.sentence for change in less.changes] == ["The page no longer says: “See the site.”."]


def test_sentences_in_another_order_and_number() -> None:
    turned = judged(
        page("> About rows.\n\n# A\n\nRows never change. A request spans at most **7 days**. See the site.\n")
    )
    assert [change.sentence for change in turned.changes] == ["The sentences of the page stand in another order."]
    twice = judged(page(PROSE + "\nSee the site.\n"))
    assert [change.sentence for change in twice.changes] == ["The page says the same more or less often."]


def test_a_bare_document_is_not_compared_with_the_prose() -> None:
    found = judged(bare())
    assert found.verdict is Level.NONE
    assert found.notes == ("not compared, since a.yaml has no prose: row.fixed-1, window.cap-1",)


def test_a_bare_baseline_still_looks_for_the_clauses() -> None:
    found = judged(page(PROSE.replace("7 days", "31 days")), bare())
    assert said(found) == [("breaking", "prose.clause", ("window.cap-1",))]
    assert found.notes == ("other wording was not compared: a.yaml has no prose",)


def test_the_clauses_of_another_api_do_not_count() -> None:
    strange = DOCUMENT.replace("At most 10 rows.", "").replace("How many.", "Number.")
    assert judged(bare(strange), bare(strange)) == Judgement()
    assert judged(page("Hi.", strange), page("Hi.", strange)) == Judgement()
    assert judged(page("Hi.", strange), bare(strange)).verdict is Level.NONE


def test_a_second_page_is_compatible() -> None:
    other = DOCUMENT.replace("/a:", "/b:").replace("rows", "lines")
    both = [
        ("a.md", f"{PROSE}\n```yaml\n{DOCUMENT}```\n".encode()),
        ("b.md", f"Lines.\n\n```yaml\n{other}```\n".encode()),
    ]
    found = judged(Source.of_bytes(both))
    assert said(found) == [("compatible", "operation.added", ())]


def test_changes_of_an_operation_that_is_gone_are_said_once() -> None:
    gone = DOCUMENT.replace("/a:", "/c:")
    found = judged(page(document=gone))
    assert [kind for _, kind, _ in said(found)] == ["operation.removed", "operation.added"]
    assert found.changes[0].clauses == ("limit.rows-1", "limit.count-1", "limit.type-1")


def test_clauses_are_found_by_the_key_that_changed() -> None:
    found = judged(page(document=DOCUMENT.replace("integer", "string")))
    assert said(found) == [("breaking", "parameter.type", ("limit.type-1",))]


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("7 days", "at most 7 days.", True),
        ("7 days", "at most 17 days", False),
        ("7 days", "at most 1.7 days", False),
        ("7 days", "at most\n 7   days", True),
        ("7 days", "**7 days**", True),
        ("days", "holidays", False),
        ("day", "days", False),
        ("at 7", "at 7.5", False),
        ("at 7", "at 7. Or so", True),
        ("(1–5).", "rows (1–5).", True),
        ("Rows", "rows", False),
        ("bucket", "sub-bucket", False),
    ],
)
def test_a_quote_stands_word_for_word(quote: str, text: str, expected: bool) -> None:
    assert stands(quote, text) is expected


def test_sentences_end_where_they_end() -> None:
    text = "# Title\nOne. Two (a) e.g. this? Three!\n> Four\n> goes on.\n\n"
    text += "<Note>\n  Five **is**.\n</Note>\n- Six\n- Seven v1.2 is"
    first = ["# Title", "One.", "Two (a) e.g. this?", "Three!", "Four goes on."]
    assert sentences(text) == [*first, "Five is.", "Six", "Seven v1.2 is"]


def test_folding_takes_out_what_says_nothing() -> None:
    assert fold(" a\n **b**  `c` ") == "a b c"


def test_weight_lies_in_numbers_units_and_negations() -> None:
    assert sorted(weighty("At most 1,000 rows in 7 days, not more.")) == ["1,000", "7", "days", "not", "rows"]


def test_the_nearest_sentence() -> None:
    candidates = ["The cat sat.", "A request spans at most 31 days.", "Days are long."]
    assert nearest("A request spans at most 7 days.", candidates) == candidates[1]
    assert nearest("Hello there.", ["Bye."]) == ""
    assert nearest("Hello there.", []) == ""
    assert nearest("not 7 rows of it", ["of it all, that is", "not 7 rows"]) == "not 7 rows"


@pytest.mark.parametrize(
    "text", ["clause = 1", "[[clause]]\nid = 'a'", "[[clause]]\nid = 1\nstands = ''\nquote = ''", "clause ="]
)
def test_clauses_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SpecError, match=r"clauses\.toml"):
        read_clauses(text)


def test_clauses_are_read() -> None:
    assert read_clauses("[[clause]]\nid = 'a.b-1'\nstands = 'prose'\nquote = 'x'\ndecision = 'y'\n")[0].group == "a"
    assert read_clauses("") == ()

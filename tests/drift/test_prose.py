"""Quoted sentences must still be on the page; other changes of wording are only docs."""

from __future__ import annotations

import pytest

from allium_market_data.codegen.clauses import Entry
from allium_market_data.drift import Judgement, Level, Source, judge
from allium_market_data.drift.diff.facts import contains, facts, most_similar
from allium_market_data.drift.diff.sentences import links, plain_text, sentences

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
    Entry("row.fixed-1", "prose", "Rows never change."),
    Entry("window.cap-1", "prose", "A request spans at most **7 days**."),
    Entry("limit.rows-1", "/paths/~1a/get/description", "At most 10 rows."),
    Entry("limit.count-1", "/paths/~1a/get/parameters/0/description", "How many."),
    Entry("limit.type-1", "/paths/~1a/get/parameters/0/schema", "type: integer"),
)


def page(prose: str = PROSE, document: str = DOCUMENT, name: str = "a.md") -> Source:
    return Source.of_bytes([(name, f"{prose}\n```yaml\n{document}```\n".encode())])


def bare(document: str = DOCUMENT) -> Source:
    return Source.of_bytes([("a.yaml", document.encode())])


def judged(new: Source, old: Source | None = None) -> Judgement:
    return judge(old or page(), new, CLAUSES, examples=False)


def summary(found: Judgement) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(str(change.level), change.kind, change.clauses) for change in found.changes]


def test_the_same_page_has_no_changes() -> None:
    assert judged(page()) == Judgement()


def test_a_lost_clause_is_shown_with_the_most_similar_sentence() -> None:
    found = judged(page(PROSE.replace("7 days", "31 days")))
    assert summary(found) == [("breaking", "prose.clause", ("window.cap-1",))]
    change = found.changes[0]
    assert (change.place, change.old) == ("prose", "A request spans at most 7 days.")
    assert change.new == change.nearest == "A request spans at most 31 days."
    assert change.sentence == (
        "The page no longer says “A request spans at most 7 days.”; "
        "the most similar text is now “A request spans at most 31 days.”."
    )


def test_a_lost_clause_without_a_similar_sentence() -> None:
    found = judged(page("Hello.\n"))
    assert [change.nearest for change in found.changes if change.kind == "prose.clause"] == ["", ""]
    assert found.changes[0].new is None
    assert found.changes[0].sentence.endswith("and nothing similar.")


@pytest.mark.parametrize("removed", ["~~Rows never change.~~", "<!-- Rows never change. -->"])
def test_a_clause_that_is_struck_or_commented_out_is_lost(removed: str) -> None:
    assert summary(judged(page(PROSE.replace("Rows never change.", removed)))) == [
        ("breaking", "prose.clause", ("row.fixed-1",))
    ]


def test_a_clause_may_move_into_a_description() -> None:
    moved = page(PROSE.replace("Rows never change. ", ""), DOCUMENT.replace("OK}", "Rows never change.}"))
    assert {level for level, _, _ in summary(judged(moved))} == {"docs"}


def test_a_description_may_move_into_the_prose() -> None:
    moved = page(PROSE + "\nAt most 10 rows.\n", DOCUMENT.replace(" At most 10 rows.", ""))
    assert {level for level, _, _ in summary(judged(moved))} == {"docs"}


def test_a_description_may_move_to_the_schema() -> None:
    moved = DOCUMENT.replace("description: How many., schema: {type", "schema: {description: How many., type")
    assert {level for level, _, _ in summary(judged(page(document=moved)))} == {"docs"}


def test_a_description_may_not_move_to_another_parameter() -> None:
    moved = DOCUMENT.replace("How many.", "See below.").replace("Rows of a table.", "How many.")
    found = summary(judged(page(document=moved)))
    assert ("breaking", "prose.description", ("limit.count-1",)) in found


def test_one_edited_description_is_one_change() -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows", "20 rows")))
    assert summary(found) == [("breaking", "prose.description", ("limit.rows-1",))]
    assert found.changes[0].place == "/paths/~1a/get/description"
    assert found.changes[0].where == "the description of GET /a"


@pytest.mark.parametrize("more", ["It is in thousands.", "Never more than once.", "Except on Sundays."])
def test_a_significant_word_next_to_a_quote_is_breaking(more: str) -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows.", f"10 rows. {more}")))
    assert summary(found) == [("breaking", "prose.description", ("limit.rows-1",))]


def test_a_number_next_to_a_quote_is_to_be_looked_at() -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows.", "10 rows. From 2027 on.")))
    assert summary(found)[0] == ("look", "prose.description.new", ())


def test_other_words_next_to_a_quote_are_docs() -> None:
    found = judged(page(document=DOCUMENT.replace("10 rows.", "10 rows. See the guide.")))
    assert summary(found) == [("docs", "words.description", ())] or found.verdict is Level.DOCS


def test_a_negation_in_the_sentence_of_a_quote_is_breaking() -> None:
    clause = (Entry("row.fixed-1", "prose", "Rows never change"),)
    old, new = page("Rows never change."), page("Rows never change, except on 3 days.")
    assert judge(old, new, clause, examples=False).changes[0].clauses == ("row.fixed-1",)
    light = page("Rows never change, we think.")
    assert judge(old, light, clause, examples=False).verdict is Level.DOCS


def test_wording_outside_of_the_clauses_is_docs() -> None:
    found = judged(page(PROSE.replace("See the site.", "Ask us.")))
    assert summary(found) == [("docs", "prose.wording", ())]
    assert found.changes[0].sentence == "The page said “See the site.”, and now says “Ask us.”."
    more = judged(page(PROSE + "\nBye.\n"))
    assert [change.sentence for change in more.changes] == ["The page now also says: “Bye.”."]
    less = judged(page(PROSE.replace("See the site.", "")))
    assert [change.sentence for change in less.changes] == ["The page no longer says: “See the site.”."]


def test_reordered_and_repeated_sentences_are_docs() -> None:
    turned = judged(
        page("> About rows.\n\n# A\n\nRows never change. A request spans at most **7 days**. See the site.\n")
    )
    assert [change.sentence for change in turned.changes] == ["The order of the sentences of the page changed."]
    twice = judged(page(PROSE + "\nSee the site.\n"))
    assert [change.sentence for change in twice.changes] == ["The page repeats sentences more or less often."]


def test_a_document_without_a_page_has_no_prose_to_compare() -> None:
    found = judged(bare())
    assert found.verdict is Level.NONE
    assert found.notes == ("not compared, since a.yaml has no prose: row.fixed-1, window.cap-1",)


def test_clauses_are_looked_for_without_a_baseline_page() -> None:
    found = judged(page(PROSE.replace("7 days", "31 days")), bare())
    assert summary(found) == [("breaking", "prose.clause", ("window.cap-1",))]
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
    assert summary(found) == [("compatible", "operation.added", ())]


def test_a_removed_operation_is_one_change() -> None:
    gone = DOCUMENT.replace("/a:", "/c:")
    found = judged(page(document=gone))
    assert [kind for _, kind, _ in summary(found)] == ["operation.renamed"]
    assert found.changes[0].clauses == ("limit.rows-1", "limit.count-1", "limit.type-1")


def test_a_change_names_the_clauses_of_its_key() -> None:
    found = judged(page(document=DOCUMENT.replace("integer", "string")))
    assert summary(found) == [("breaking", "parameter.type", ("limit.type-1",))]


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
        ("Rows", "rows", True),
        ("base-asset units", "base asset units", True),
        ("1–5,000", "1-5000", True),
        ("bucket", "subbucket", False),
    ],
)
def test_a_quote_is_found_word_for_word(quote: str, text: str, expected: bool) -> None:
    assert contains(plain_text(text), plain_text(quote)) is expected


def test_where_sentences_end() -> None:
    text = "# Title\nOne. Two (a) e.g. this? Three!\n> Four\n> goes on.\n\n"
    text += "<Note>\n  Five **is**.\n</Note>\n- Six\n- Seven v1.2 is"
    first = ["Title", "One.", "Two (a) e.g. this?", "Three!", "Four goes on."]
    assert sentences(text) == [*first, "Five is.", "Six", "Seven v1.2 is"]


def test_plain_text_has_no_markup() -> None:
    assert plain_text(" a\n **b**  `c` ") == "a b c"
    assert plain_text("a <!-- b --> *c* ~~d~~\n<!-- e -->") == "a c"
    assert plain_text("see [us](https://a.example) &amp; <b>th</b>em") == "see us & them"
    assert links("see [us](https://a.example) &amp; <b>them</b>") == ["https://a.example"]
    assert plain_text("<Note>\n    **a**\n</Note>") == "a"


def test_numbers_units_and_negations_are_facts() -> None:
    found = facts("At most 1,000 rows of USD in 7 days, not more.")
    assert found.values == (("1000", 1), ("604800 s", 1), ("not", 1))
    assert (sorted(found.words), sorted(found.others)) == (["usd", "≤"], ["more", "row"])


def test_the_most_similar_sentence() -> None:
    candidates = ["The cat sat.", "A request spans at most 31 days.", "Days are long."]
    assert most_similar("A request spans at most 7 days.", candidates) == candidates[1]
    assert most_similar("Hello there.", ["Bye."]) == ""
    assert most_similar("Hello there.", []) == ""
    assert most_similar("not 7 rows of it", ["of it all, that is", "not 7 rows"]) == "not 7 rows"

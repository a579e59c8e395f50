"""The form of every answer of the run, held against the document."""

from __future__ import annotations

import pytest

from conformance import questions
from conformance.account import Tally
from conformance.answers import FIELDS, Answer, unknown_fields
from conformance.ask import Asker
from conformance.document import Checker, Document
from conformance.history import History
from conformance.target import Target


class TestBody:
    @pytest.mark.clause(
        "answer.type-1", "answer.items-1", "answer.items-2", "answer.required-1", "row.type-1", "row.required-1",
        "row.market-id-1", "row.ts-1", "row.oi-base-1", "row.oi-quote-usd-1",
    )  # fmt: skip
    def test_an_answer_validates_against_the_document(
        self, answers: list[Answer], checker: Checker, tally: Tally
    ) -> None:
        """The schema of an answer.

        type: object, required: - items, type: array of $ref: '#/components/schemas/OpenInterest', type: object with

        required:
          - market_id
          - ts
          - oi_base
          - oi_quote_usd

        each of type: string
        """
        for answer in answers:
            faults = checker.faults(answer.json)
            assert not faults, f"{len(faults)} faults, such as\n" + "\n".join(faults[:5]) + f"\n{answer.reply.curl}"
            tally.saw(answer)
        tally.shown(8, rows=1000)

    @pytest.mark.clause("answer.media-type-1")
    def test_an_answer_is_one_json_value(self, answers: list[Answer], tally: Tally) -> None:
        """application/json:"""
        for answer in answers:
            media_type = answer.reply.media_type
            assert media_type == "application/json", f"content type {media_type!r}\n{answer.reply.curl}"
            assert answer.json is not None, answer.reply.curl
            tally.saw(answer)
        tally.shown(8)

    @pytest.mark.clause("alpha.may-change-1", "alpha.may-change-2")
    def test_unknown_fields_are_reported_and_fail_nothing(self, answers: list[Answer], document: Document) -> None:
        """Schema and response format may change. Alpha; schema may change."""
        assert set(document.row["properties"]) == FIELDS, "the document knows other fields than this suite"
        beside, inside = unknown_fields(answers)
        assert not (beside | inside) & {"items", *FIELDS}


@pytest.mark.clause("answer.status-1")
def test_every_reply_is_an_answer_or_a_refusal(
    answers: list[Answer], asker: Asker, history: History, target: Target
) -> None:
    """'200':"""
    assert answers
    for question in questions.named(history.start, target.non_perp_market).values():
        asker.ask(question)
    odd = [reply for _, reply in asker.replies if reply.status != 200 and not 400 <= reply.status < 500]
    assert not odd, f"{odd[0]}\n{odd[0].curl}"
    known = {id(answer.reply) for answer in answers}
    granted = [reply for _, reply in asker.replies if reply.status == 200 and id(reply) not in known]
    assert not granted, f"200 for what has to be refused\n{granted[0].curl}"
    filled = [reply for _, reply in asker.replies if reply.status != 200 and b'"items"' in reply.body]
    assert not filled, f"a refusal with items in it: {filled[0]}\n{filled[0].curl}"

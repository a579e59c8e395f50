"""How this server answers what the specification leaves open. Nothing here is a failure: it is noted, and compared."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS
from conformance import findings, questions
from conformance.answers import Answer, unknown_fields
from conformance.ask import Asker, Window
from conformance.history import History
from conformance.meaning import Labelling
from conformance.observations import NOT_SHOWN, Profile
from conformance.target import Target


def note(profile: Profile, question: str, reading: str) -> None:
    profile.note("readings", question, reading)


@pytest.fixture
def cut(asker: Asker, history: History) -> str:
    """From a window at the longest interval that ends at noon."""
    day, noon = history.start + 2 * DAY, history.start + 2 * DAY + 12 * HOUR
    answer = asker.window(Window("1d", history.start, noon))
    labelling = history.labelling
    whole = history.rows("1d").get(labelling.label(day, DAY))
    hours = [
        amounts for label, amounts in history.rows("1h").items() if day <= labelling.bucket(label, HOUR) <= noon - HOUR
    ]
    return findings.cut(answer, day, whole, hours[-1], labelling) if whole and hours else NOT_SHOWN


@pytest.fixture
def empty_bucket(history: History) -> str:
    return findings.empty_bucket(history.rows("1m"), WIDTHS["1m"])


@pytest.mark.open_question("label")
def test_what_a_label_names(history: History, profile: Profile) -> None:
    """What does `ts` name?"""
    fitting = [
        labelling
        for labelling, pairs in history.comparisons.items()
        if not any(comparison.faults for comparison in pairs.values())
    ]
    note(profile, "label", findings.label(fitting))


@pytest.mark.open_question("end-of-window")
def test_whether_the_end_is_part_of_the_window(history: History, profile: Profile, cut: str, empty_bucket: str) -> None:
    """Is `end_timestamp` part of the window?"""
    carried = empty_bucket == "carry-forward"
    # The parts of the week: each but the last ends where the next one begins.
    aligned = history.answers("1m")[:-1]
    found = findings.end_of_window(aligned, history.rows("1m"), history.labelling, cut, carried)
    note(profile, "end-of-window", found)


@pytest.mark.open_question("cut")
def test_what_a_window_cuts(profile: Profile, cut: str) -> None:
    """What does the window cut?"""
    note(profile, "cut", cut)


@pytest.mark.open_question("first-bucket")
def test_whether_the_bucket_around_the_start_is_returned(asker: Asker, history: History, profile: Profile) -> None:
    """Is the bucket that contains an unaligned `start_timestamp` returned?"""
    noon = history.start + 12 * HOUR
    answer = asker.window(Window("1d", noon, history.start + 3 * DAY))
    label = history.start
    shown = history.labelling is Labelling.START and label in history.rows("1d")
    note(profile, "first-bucket", findings.first_bucket(answer, label, history.labelling) if shown else NOT_SHOWN)


@pytest.mark.open_question("order")
def test_the_order_of_items(answers: list[Answer], profile: Profile) -> None:
    """In which order do the items come?"""
    note(profile, "order", findings.order(answers))


@pytest.mark.open_question("over-limit")
def test_what_survives_a_limit(asker: Asker, history: History, profile: Profile) -> None:
    """Which rows survive where there are more than `limit`?"""
    rows = history.rows("1h")
    limited = set(asker.window(history.window("1h"), 2).by_label)
    ends = {"keep-earliest": set(list(rows)[:2]), "keep-latest": set(list(rows)[-2:])}
    found = [end for end, labels in ends.items() if labels == limited]
    note(profile, "over-limit", found[0] if len(found) == 1 else NOT_SHOWN)


@pytest.mark.open_question("empty-bucket")
def test_what_becomes_of_an_empty_bucket(profile: Profile, empty_bucket: str) -> None:
    """What becomes of a bucket without a sample?"""
    note(profile, "empty-bucket", empty_bucket)


@pytest.mark.open_question("ts-text")
def test_how_a_label_is_written(answers: list[Answer], profile: Profile) -> None:
    """How is `ts` written?"""
    shapes = {findings.shape(item["ts"]) for answer in answers for item in answer.items}
    note(profile, "ts-text", findings.ts_text(shapes))
    profile.note("text", "ts", sorted(shapes))


@pytest.mark.open_question("decimal-text")
def test_how_a_decimal_is_written(answers: list[Answer], profile: Profile) -> None:
    """How is a decimal written?"""
    texts = {name: {item[name] for answer in answers for item in answer.items} for name in ("oi_base", "oi_quote_usd")}
    note(profile, "decimal-text", findings.decimal_text(set().union(*texts.values())))
    for name, found in texts.items():
        scales = {len(text.partition(".")[2]) for text in found}
        profile.note("text", f"{name}-scales", [min(scales), max(scales)] if scales else [])


@pytest.mark.open_question("unknown-fields")
def test_which_fields_nobody_documented(answers: list[Answer], profile: Profile) -> None:
    """Are there fields that the document does not name, in an item or beside `items`?"""
    beside, inside = unknown_fields(answers)
    note(profile, "unknown-fields", "unknown-fields" if beside | inside else "known-fields")
    profile.note("unknown-fields", "beside-items", sorted(beside))
    profile.note("unknown-fields", "in-an-item", sorted(inside))


@pytest.mark.open_question("error-body")
def test_what_a_refusal_looks_like(asker: Asker, history: History, target: Target, profile: Profile) -> None:
    """What is the body of a refusal?"""
    kinds = questions.named(history.start, target.non_perp_market)
    replies = {name: asker.ask(question) for name, question in kinds.items()}
    for name, reply in replies.items():
        profile.note("statuses", name, reply.status)
    note(profile, "error-body", findings.error_body(reply for reply in replies.values() if reply.status != 200))


@pytest.mark.open_question("compression")
def test_whether_an_answer_is_compressed(answers: list[Answer], profile: Profile) -> None:
    """Is an answer compressed?"""
    note(profile, "compression", findings.compression(answer.reply for answer in answers))

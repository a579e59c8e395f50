"""How this server answers the open questions. No answer fails: each is recorded, and compared with the profile."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import DAY, HOUR, WIDTHS
from conformance import classification, invalid_requests
from conformance.bucket_values import Labelling
from conformance.observations import UNDETERMINED, Profile
from conformance.reference_week import ReferenceWeek
from conformance.request import Window
from conformance.requester import Requester
from conformance.response import Page, unknown_fields
from conformance.target import Target


def record(profile: Profile, question: str, reading: str) -> None:
    profile.record("readings", question, reading)


@pytest.fixture
def cut(requester: Requester, week: ReferenceWeek) -> str:
    """The reading of a window at the longest interval that ends at noon."""
    day, noon = week.start + 2 * DAY, week.start + 2 * DAY + 12 * HOUR
    page = requester.fetch_window(Window("1d", week.start, noon))
    labelling = week.labelling
    whole = week.rows("1d").get(labelling.label(day, DAY))
    hours = [
        amounts for label, amounts in week.rows("1h").items() if day <= labelling.bucket(label, HOUR) <= noon - HOUR
    ]
    return classification.cut(page, day, whole, hours[-1], labelling) if whole and hours else UNDETERMINED


@pytest.fixture
def empty_bucket(week: ReferenceWeek) -> str:
    return classification.empty_bucket(week.rows("1m"), WIDTHS["1m"])


@pytest.mark.open_question("label")
def test_whether_a_label_names_the_start_or_the_end(week: ReferenceWeek, profile: Profile) -> None:
    """What does the timestamp of a row name?"""
    fitting = [
        labelling
        for labelling, pairs in week.comparisons.items()
        if not any(comparison.differences for comparison in pairs.values())
    ]
    record(profile, "label", classification.label(fitting))


@pytest.mark.open_question("end-of-window")
def test_whether_the_end_is_inclusive(week: ReferenceWeek, profile: Profile, cut: str, empty_bucket: str) -> None:
    """Is the end part of the window?"""
    carried = empty_bucket == "carry-forward"
    # The parts of the week, except the last: each ends where the next one begins.
    aligned = week.pages("1m")[:-1]
    reading = classification.end_of_window(aligned, week.rows("1m"), week.labelling, cut, carried)
    record(profile, "end-of-window", reading)


@pytest.mark.open_question("cut")
def test_whether_a_window_cuts_buckets_or_samples(profile: Profile, cut: str) -> None:
    """What does the window cut?"""
    record(profile, "cut", cut)


@pytest.mark.open_question("first-bucket")
def test_whether_the_bucket_around_an_unaligned_start_is_returned(
    requester: Requester, week: ReferenceWeek, profile: Profile
) -> None:
    """Is the bucket that contains an unaligned start returned?"""
    noon = week.start + 12 * HOUR
    page = requester.fetch_window(Window("1d", noon, week.start + 3 * DAY))
    can_tell = week.labelling is Labelling.START and week.start in week.rows("1d")
    reading = classification.first_bucket(page, week.start, week.labelling) if can_tell else UNDETERMINED
    record(profile, "first-bucket", reading)


@pytest.mark.open_question("order")
def test_the_order_of_items(pages: list[Page], profile: Profile) -> None:
    """In which order do the items come?"""
    record(profile, "order", classification.order(pages))


@pytest.mark.open_question("over-limit")
def test_which_rows_a_limit_keeps(requester: Requester, week: ReferenceWeek, profile: Profile) -> None:
    """Which rows survive where there are more than `limit`?"""
    rows = week.rows("1h")
    limited = set(requester.fetch_window(week.window("1h"), 2).by_label)
    ends = {"keep-earliest": set(list(rows)[:2]), "keep-latest": set(list(rows)[-2:])}
    kept = [end for end, labels in ends.items() if labels == limited]
    record(profile, "over-limit", kept[0] if len(kept) == 1 else UNDETERMINED)


@pytest.mark.open_question("empty-bucket")
def test_whether_an_empty_bucket_is_omitted_or_filled(profile: Profile, empty_bucket: str) -> None:
    """What becomes of a bucket without a sample?"""
    record(profile, "empty-bucket", empty_bucket)


@pytest.mark.open_question("ts-text")
def test_how_a_timestamp_is_written(pages: list[Page], profile: Profile) -> None:
    """How is the timestamp of a row written?"""
    shapes = {classification.shape(item["ts"]) for page in pages for item in page.items}
    record(profile, "ts-text", classification.ts_text(shapes))
    profile.record("text", "ts", sorted(shapes))


@pytest.mark.open_question("decimal-text")
def test_how_a_decimal_is_written(pages: list[Page], profile: Profile) -> None:
    """How is a decimal written?"""
    texts = {name: {item[name] for page in pages for item in page.items} for name in ("oi_base", "oi_quote_usd")}
    record(profile, "decimal-text", classification.decimal_text(set().union(*texts.values())))
    for name, amounts in texts.items():
        scales = {len(amount.partition(".")[2]) for amount in amounts}
        profile.record("text", f"{name}-scales", [min(scales), max(scales)] if scales else [])


@pytest.mark.open_question("unknown-fields")
def test_which_undocumented_fields_there_are(pages: list[Page], profile: Profile) -> None:
    """Are there fields that the document does not name, in an item or beside `items`?"""
    beside_items, in_items = unknown_fields(pages)
    record(profile, "unknown-fields", "unknown-fields" if beside_items | in_items else "known-fields")
    profile.record("unknown-fields", "beside-items", sorted(beside_items))
    profile.record("unknown-fields", "in-an-item", sorted(in_items))


@pytest.mark.open_question("error-body")
def test_what_an_error_body_looks_like(
    requester: Requester, week: ReferenceWeek, target: Target, profile: Profile
) -> None:
    """What is the body of a refusal?"""
    requests = invalid_requests.one_of_each(week.start, target.non_perp_market)
    responses = {name: requester.send(request) for name, request in requests.items()}
    for name, response in responses.items():
        profile.record("statuses", name, response.status)
    errors = [response for response in responses.values() if response.status != 200]
    record(profile, "error-body", classification.error_body(errors))


@pytest.mark.open_question("compression")
def test_whether_responses_are_compressed(pages: list[Page], profile: Profile) -> None:
    """Is an answer compressed?"""
    record(profile, "compression", classification.compression(page.response for page in pages))

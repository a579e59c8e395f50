"""How this server answers the open questions. No answer fails: each is recorded, and compared with the profile."""

from __future__ import annotations

import pytest

from allium_market_data.model.intervals import DAY, WIDTHS, floor
from conformance import classification, invalid_requests
from conformance.bucket_values import Labelling
from conformance.observations import UNDETERMINED, Profile
from conformance.reference_week import ReferenceWeek, before_all_history
from conformance.request import Window
from conformance.requester import Requester
from conformance.response import Page, unknown_fields
from conformance.target import Target
from conformance.test_parameters import date_request, date_window


def record(profile: Profile, question: str, reading: str) -> None:
    profile.record("readings", question, reading)


@pytest.fixture
def cut(requester: Requester, week: ReferenceWeek) -> str:
    """The reading of a window at the coarsest interval that ends within a bucket."""
    coarse, finer, labelling = week.intervals[-1], week.intervals[:-1], week.labelling
    if labelling is None or not finer or WIDTHS[coarse] % 2:
        return UNDETERMINED
    bucket = week.start + floor(2 * DAY, WIDTHS[coarse])
    middle = bucket + WIDTHS[coarse] // 2
    fine = [interval for interval in finer if WIDTHS[coarse] // 2 % WIDTHS[interval] == 0][-1]
    page = requester.fetch_window(Window(coarse, max(week.start, middle - requester.operation.window_cap), middle))
    whole = week.rows(coarse).get(labelling.label(bucket, WIDTHS[coarse]))
    parts = [
        amounts
        for label, amounts in week.rows(fine).items()
        if bucket <= labelling.bucket(label, WIDTHS[fine]) < middle
    ]
    return classification.cut(page, bucket, whole, parts[-1], labelling) if whole and parts else UNDETERMINED


@pytest.fixture
def empty_bucket(week: ReferenceWeek) -> str:
    finest = week.intervals[0]
    return classification.empty_bucket(week.rows(finest), WIDTHS[finest])


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
    finest = week.intervals[0]
    aligned = week.pages(finest)[:-1]
    reading = UNDETERMINED
    if week.labelling is not None:
        reading = classification.end_of_window(aligned, week.rows(finest), week.labelling, cut, carried)
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
    coarse = week.intervals[-1]
    end = week.start + floor(min(3 * DAY, requester.operation.window_cap), WIDTHS[coarse])
    page = requester.fetch_window(Window(coarse, week.start + WIDTHS[coarse] // 2, end))
    can_tell = week.labelling is Labelling.START and week.start in week.rows(coarse)
    reading = classification.first_bucket(page, week.start, Labelling.START) if can_tell else UNDETERMINED
    record(profile, "first-bucket", reading)


@pytest.mark.open_question("order")
def test_the_order_of_items(pages: list[Page], profile: Profile) -> None:
    """In which order do the items come?"""
    record(profile, "order", classification.order(pages))


@pytest.mark.open_question("over-limit")
def test_which_rows_a_limit_keeps(requester: Requester, week: ReferenceWeek, profile: Profile) -> None:
    """Which rows survive where there are more than `limit`?"""
    interval = week.intervals[len(week.intervals) // 2]
    rows = week.rows_of_window(interval)
    limited = set(requester.fetch_window(week.window(interval), 2).by_label)
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
    shapes = {classification.shape(item[page.operation.timestamp_field]) for page in pages for item in page.items}
    record(profile, "ts-text", classification.ts_text(shapes))
    profile.record("text", "ts", sorted(shapes))


@pytest.mark.open_question("decimal-text")
def test_how_a_decimal_is_written(pages: list[Page], profile: Profile) -> None:
    """How is a decimal written?"""
    names = [field.name for field in pages[0].operation.decimals]
    texts = {name: {item[name] for page in pages for item in page.items} for name in names}
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
    requests = invalid_requests.one_of_each(week, target.non_perp_market)
    responses = {name: requester.send(request) for name, request in requests.items()}
    for name, response in responses.items():
        profile.record("statuses", name, response.status)
    errors = [response for response in responses.values() if response.status != 200]
    record(profile, "error-body", classification.error_body(errors))


@pytest.mark.open_question("compression")
def test_whether_responses_are_compressed(pages: list[Page], profile: Profile) -> None:
    """Is an answer compressed?"""
    record(profile, "compression", classification.compression(page.response for page in pages))


@pytest.mark.open_question("retention")
def test_what_a_window_before_all_history_gets(requester: Requester, week: ReferenceWeek, profile: Profile) -> None:
    """No items, or an error."""
    window = before_all_history(requester, week.intervals[-1])
    page = requester.fetch_or_error(window.request(), window)
    record(profile, "retention", "history-refused" if page is None else "history-empty")


@pytest.mark.open_question("date-alone")
def test_whether_a_date_alone_is_a_time(requester: Requester, week: ReferenceWeek, profile: Profile) -> None:
    """Midnight in UTC, or an error."""
    window = date_window(week)
    page = requester.fetch_or_error(date_request(window), window)
    record(profile, "date-alone", "date-refused" if page is None else "date-midnight")

"""When a response was sent, by its headers."""

from __future__ import annotations

import pytest

from allium_market_data.client.http_date import sent_at
from allium_market_data.validation import to_instant


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"date": "Wed, 20 May 2026 10:20:00 GMT"}, "2026-05-20T10:20:00"),
        ({"date": "Wed, 20 May 2026 10:20:00 GMT", "age": "90"}, "2026-05-20T10:21:30"),
        ({"date": "Wed, 20 May 2026 12:20:00 +0200", "age": "soon"}, "2026-05-20T10:20:00"),
        ({"date": "Wed, 20 May 2026 10:20:00 GMT", "age": "9" * 400}, "2058-01-26T12:06:39"),
        ({"date": "Fri, 31 Dec 9999 23:59:59 -0100"}, None),
        ({"date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_sent_at_is_the_date_plus_the_age(headers: dict[str, str], expected: str | None) -> None:
    assert sent_at(headers) == (expected and to_instant(expected, "expected"))

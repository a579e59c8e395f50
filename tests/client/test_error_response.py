"""The explanation in a body of any shape, and the error of each status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.error_response import explanation, response_error
from allium_market_data.errors import (
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    ResponseError,
    ServerError,
    UnexpectedStatusError,
)
from allium_market_data.sanitize import clean

VALIDATION = [
    {"loc": ["query", "limit"], "msg": "Input should be at most 5000", "type": "less_than_equal"},
    {"loc": ["query", "interval"], "msg": "Field required", "type": "missing"},
]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"detail": "Market not found"}, "Market not found"),
        ({"detail": VALIDATION}, "query.limit: Input should be at most 5000; query.interval: Field required"),
        ({"detail": {"code": 7, "message": "No perpetuals"}}, "No perpetuals"),
        (
            {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "Invalid key"},
            "Invalid key, Forbidden",
        ),
        ({"error": {"code": "quota", "message": "Quota is used up"}}, "Quota is used up"),
        ({"error": "invalid_request", "error_description": "No such grant"}, "invalid_request, No such grant"),
        ({"errors": [{"message": "one"}, {"message": "two"}]}, "one; two"),
        ({"message": "same", "title": "same"}, "same"),
        ({"message": None, "msg": "said"}, "said"),
        ("just text", "just text"),
        (["one", "two"], "one; two"),
        ([], ""),
        ({}, ""),
        (None, ""),
        ({"detail": {"detail": {"detail": {"detail": {"detail": "too deep"}}}}}, ""),
        ({"other": "names"}, ""),
        ({"detail": [{"loc": [], "msg": "nowhere"}, {"loc": ["query"]}, {"msg": ""}]}, "nowhere"),
    ],
)
def test_the_explanation_of_json_comes_from_the_usual_fields(body: Any, expected: str) -> None:
    assert explanation(json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"Service Unavailable\n", "Service Unavailable"),
        (
            b"<html><head><title>502</title><style>b{}</style></head><body><h1>Bad  Gateway</h1></body>",
            "502 Bad Gateway",
        ),
        (b"<script>alert('x')</script>Blocked", "Blocked"),
        (b"half \xff\xfe broken", "half \ufffd\ufffd broken"),
        (b'{"detail": "half', '{"detail": "half'),
        (b"\x1b[31mred\x1b[0m\x07 \xe2\x80\xaegnp\r\nnext", "[31mred [0m gnp next"),
        (b'{"detail": "\\u001b[2J\\u202ecleared"}', "[2J cleared"),
        (b"[" * 100_000, "[" * 497 + "..."),
    ],
)
def test_the_explanation_of_text_is_one_clean_line(body: bytes, expected: str) -> None:
    assert explanation(body) == expected


@given(
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["detail", "msg", "loc", "error", "x"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_every_body_has_a_printable_explanation(body: bytes) -> None:
    text = explanation(body)
    assert text.isprintable()
    assert len(text) <= 500


@pytest.mark.parametrize(
    ("status", "kind", "saying"),
    [
        (400, RefusedError, "the request was refused"),
        (401, AuthenticationError, "missing or not accepted (set ALLIUM_API_KEY, or pass api_key)"),
        (402, RefusedError, "the request was refused"),
        (403, PermissionDeniedError, "no permission for this request"),
        (404, NotFoundError, "check the market and the base URL"),
        (408, RefusedError, "the request was refused"),
        (422, RefusedError, "the request was refused"),
        (429, RateLimitedError, "lower max_rate or max_concurrency"),
        (499, RefusedError, "the request was refused"),
        (500, ServerError, "the server failed"),
        (503, ServerError, "the server failed"),
        (520, ServerError, "the server failed"),
        (599, ServerError, "the server failed"),
        (600, ServerError, "the server failed"),
        (204, UnexpectedStatusError, "redirects are not followed"),
        (302, UnexpectedStatusError, "redirects are not followed"),
    ],
)
def test_each_status_is_an_error_that_says_what_to_do(status: int, kind: type[ResponseError], saying: str) -> None:
    error = response_error(status, {"x-request-id": "7"}, b'{"detail": "because"}')
    assert type(error) is kind
    assert (error.status, error.headers, error.body) == (status, {"x-request-id": "7"}, b'{"detail": "because"}')
    assert str(error).startswith(f"the server answered {status}: ")
    assert saying in str(error)
    assert str(error).endswith("; it says: because")


def test_a_response_without_explanation_adds_none() -> None:
    assert str(response_error(500, {}, b"")) == "the server answered 500: the server failed"


def test_retry_after_is_in_the_message_and_cleaned() -> None:
    message = str(response_error(429, {"retry-after": "3600\x1b" + "9" * 60}, b""))
    assert message.endswith("; Retry-After 3600 " + "9" * 35)


def test_an_error_keeps_the_first_two_thousand_bytes() -> None:
    assert response_error(500, {}, b"x" * 3_000).body == b"x" * 2_000


def test_clean_leaves_what_can_be_printed() -> None:
    assert clean("Zürich 東京 🙂\x00\x9b") == "Zürich 東京 🙂  "

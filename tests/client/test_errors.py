"""The tree of errors: as drawn in the docstring, picklable, and with context."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from datetime import UTC, datetime, timedelta

import pytest

from allium_market_data import errors
from allium_market_data.errors import AlliumError, ContractError, ErrorContext, FetchError, ServerError, UsageError
from allium_market_data.model.windows import Window

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(MAY, MAY + HOUR, MAY + 2 * HOUR)
CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, AlliumError)]


def test_the_tree_is_drawn_in_the_docstring() -> None:
    drawn: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│├└─ ]*)(\w+Error)\b", line):
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else None
    real = {kind.__name__: kind.__bases__[0].__name__ if kind is not AlliumError else None for kind in CLASSES}
    assert drawn == real


def test_every_error_is_public() -> None:
    for kind in CLASSES:
        assert getattr(errors, kind.__name__) is kind


def test_a_usage_error_is_a_value_error() -> None:
    assert issubclass(UsageError, ValueError)


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, FetchError)])
def test_a_pickled_error_is_complete(kind: type[FetchError]) -> None:
    error = kind("what", ErrorContext("m", WINDOW, 500, {"retry-after": "1"}, b"body"))
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert (type(again), again.message, again.context, str(again)) == (kind, "what", error.context, str(error))


def test_a_pickled_contract_error_keeps_row_and_field() -> None:
    again = pickle.loads(pickle.dumps(ContractError("what", None, 3, "oi_base")))  # noqa: S301
    assert (again.row, again.field, again.status, again.headers, again.body) == (3, "oi_base", None, {}, b"")


def test_an_error_names_market_and_window() -> None:
    error = ServerError("the server failed", ErrorContext(status=500))
    assert str(error) == "the server failed"
    assert error.with_context("hl:perp:BTC-USDC", WINDOW) is error
    assert str(error) == "the server failed [hl:perp:BTC-USDC, 2026-05-01T00:00:00Z to 2026-05-01T02:00:00Z]"
    assert (error.market_id, error.window, error.status) == ("hl:perp:BTC-USDC", WINDOW, 500)


def test_with_message_replaces_the_message() -> None:
    error = ServerError("one")
    error.with_message("two")
    assert (str(error), error.args, repr(error)) == ("two", ("two",), "ServerError('two')")

"""The command line options and the target that they describe."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest

from allium_market_data_wire.contract import OPEN_INTEREST
from conformance import target, times
from conformance.document import Document
from conformance.request import Window
from conformance.target import Options, OptionsError

DOCUMENT = Document.load(OPEN_INTEREST)
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def resolve(**options: Any) -> target.Target:
    return target.resolve(Options(**options), DOCUMENT, NOW)


def test_the_default_target_is_the_sandbox() -> None:
    default = resolve()
    assert (default.name, default.market) == ("sandbox", "hl:perp:BTC-USDC")
    assert default.non_perp_market == "hl:spot:HYPE-USDC"
    assert default.other_market == "hl:perp:ETH-USDC"
    assert times.text(default.around[0]) == "2026-05-01T00:00:00Z"
    assert not default.market_is_given


def test_an_instant_that_is_given_is_the_only_one() -> None:
    assert [times.text(around) for around in resolve(around="2026-05-02T00:00:00Z").around] == ["2026-05-02T00:00:00Z"]
    assert [times.text(around) for around in resolve().around[1:]] == ["2026-05-02T00:00:00Z", "2026-05-24T00:00:00Z"]
    assert resolve(market="hl:perp:X-Y").market_is_given


def test_a_live_run_has_defaults_for_address_and_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(target.KEY_VARIABLE, "from-environment")
    live = resolve(target="live")
    assert (live.base_url, live.api_key) == ("https://api.allium.so", "from-environment")
    assert live.non_perp_market is None
    assert "from-environment" not in repr(live)
    assert resolve(target="live", api_key="k", base_url="https://x").api_key == "k"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "live"}, "needs an API key: pass --api-key or set ALLIUM_API_KEY"),
        ({"target": "live", "api_key": "k", "base_url": "http://x"}, "--base-url: http://x "),
        ({"target": "live", "api_key": "k", "readings": ("gzip",)}, "need --target sandbox"),
        ({"target": "cassette", "mutants": ("mean",)}, "need --target sandbox"),
        ({"base_url": "http://x"}, "needs --target live"),
        ({"mutants": ("no-such",)}, "'no-such'"),
        ({"readings": ("no-such",)}, "'no-such'"),
        ({"style": "no-such"}, "no style 'no-such'"),
        ({"target": "live", "api_key": "k", "style": "slow"}, "need --target sandbox"),
        ({"readings": ("decimals-18", "decimals-integer")}, "decimals-integer"),
        ({"around": "yesterday"}, "--around: 'yesterday'"),
        ({"around": "2026-05-28T00:00:00Z"}, "at least five days ago"),
        ({"target": "cassette", "cassette": "no-such"}, "there is no cassette 'no-such'"),
        ({"target": "cassette", "record": True}, "cannot be recorded"),
    ],
)
def test_contradictory_options_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        resolve(**options)


@pytest.mark.parametrize(("mutants", "rows"), [((), 2), (("limit-plus-one",), 3)])
def test_the_sandbox_answers_in_this_process(mutants: tuple[str, ...], rows: int) -> None:
    options = Options(mutants=mutants)
    with target.open_target(options, resolve(mutants=mutants), DOCUMENT) as sandbox:
        (start,) = sandbox.target.around[:1]
        page = sandbox.requester.fetch_window(Window("1h", start, start + 7 * 3600 * 1_000_000), limit=2)
        assert len(page.rows) == rows
        assert sandbox.requester.request_count == 1


async def _fails(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("a bug in the application")


def test_an_exception_in_the_sandbox_is_status_500() -> None:
    with httpx.Client(transport=target.AsgiTransport(_fails)) as client:
        assert client.get("http://sandbox.invalid/").status_code == 500

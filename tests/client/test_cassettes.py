"""The client on recorded responses: the same requests give the same rows without a server.

``pytest tests/client/test_cassettes.py --record`` records them again from the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr
import yaml
from vcr.errors import CannotOverwriteExistingCassetteException

from allium_market_data import AsyncMarketData, OpenInterestSeries
from allium_market_data.errors import NotFoundError
from support.adapted import Adapted
from support.serving import Sandbox

TESTS = Path(__file__).parents[1]
LOCK = TESTS.parent / "spec" / "lock.toml"
NAMES = ["bitmex-1m", "hour-of-5m", "unknown-market"]
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens at this address, and replaying opens no connection."""

UseCassette = Callable[[str], AbstractContextManager[Any]]


def file(name: str) -> Path:
    return TESTS / "cassettes" / f"{name}.yaml"


class WithHeader:
    """A vcrpy serializer: YAML that begins with the source, the day and the digest of the document."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        header = {
            "from": "the sandbox of this project (allium-md sandbox), under the plain reading; not from Allium",
            "day": datetime.now(UTC).date().isoformat(),
            "document": tomllib.loads(LOCK.read_text(encoding="utf-8"))["documents"]["patched"],
        }
        return yaml.safe_dump({"recorded": header, **cassette}, sort_keys=False, width=120)

    @staticmethod
    def deserialize(text: str) -> Any:
        return yaml.safe_load(text)


@pytest.fixture
def base_url(request: pytest.FixtureRequest) -> str:
    if not request.config.getoption("--record"):
        return NOWHERE
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    return sandbox.url


@pytest.fixture
def use(request: pytest.FixtureRequest) -> UseCassette:
    is_recording = request.config.getoption("--record")
    recorder = vcr.VCR(
        record_mode="all" if is_recording else "none",
        match_on=["method", "path", "query"],
        before_record_request=_without_headers,
        before_record_response=_without_date,
    )
    recorder.register_serializer("with-header", WithHeader)

    def use_cassette(name: str) -> AbstractContextManager[Any]:
        if is_recording:
            file(name).unlink(missing_ok=True)
        return recorder.use_cassette(str(file(name)), serializer="with-header")  # type: ignore[no-any-return]

    return use_cassette


def _without_headers(request: Any) -> Any:
    """Remove all headers, because one holds the key, and the random port of the sandbox."""
    request.headers = {}
    request.uri = re.sub(r"^http://[^/]+", "http://sandbox.invalid", request.uri)
    return request


def _without_date(response: Any) -> Any:
    response["headers"].pop("date", None)
    return response


def fetch(base_url: str, market: str, **span: Any) -> OpenInterestSeries:
    async def run() -> OpenInterestSeries:
        client = AsyncMarketData("sandbox-key", base_url, max_concurrency=1)
        client._http = Adapted(httpx.AsyncHTTPTransport())  # vcrpy records httpx, not aiohttp
        async with client:
            series: OpenInterestSeries = await client.open_interest(market, **span)
            return series

    return asyncio.run(run())


def test_an_hour_of_real_samples_has_rows_only_for_buckets_with_a_sample(use: UseCassette, base_url: str) -> None:
    with use("bitmex-1m") as cassette:
        series = fetch(
            base_url, "bitmex:perp:XBTUSD", interval="1m", start="2019-12-26T21:00:00Z", end="2019-12-26T22:00:00Z"
        )
    assert [f"{row.ts:%H:%M}" for row in series] == ["21:35", "21:36", "21:37", "21:38"]
    assert str(series[0].oi_quote_usd).startswith("65")
    assert [gap.buckets for gap in series.gaps()] == [35, 21]
    assert series.provenance.requests == len(cassette) >= 1


def test_an_hour_at_5m_has_twelve_rows_with_the_recorded_decimals(use: UseCassette, base_url: str) -> None:
    with use("hour-of-5m"):
        series = fetch(
            base_url, "hl:perp:BTC-USDC", interval="5m", start="2026-04-01T00:00:00Z", end="2026-04-01T01:00:00Z"
        )
    assert [row.ts.minute for row in series] == list(range(0, 60, 5))
    assert not series.provisional
    items = json.loads(recorded("hour-of-5m")["interactions"][0]["response"]["body"]["string"])["items"]
    assert [str(row.oi_base) for row in series] == [item["oi_base"] for item in items[-12:]]


def test_an_unknown_market_raises_the_message_of_the_server(use: UseCassette, base_url: str) -> None:
    with use("unknown-market"), pytest.raises(NotFoundError, match="it says: Market not found: hl:perp:NONE") as caught:
        fetch(base_url, "hl:perp:NONE", interval="1h", start="2026-04-01", end="2026-04-02")
    assert caught.value.status == 404


def test_a_request_that_was_not_recorded_is_an_error(use: UseCassette, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--record"):
        pytest.skip("a recording run records every request")
    with use("unknown-market"), pytest.raises(CannotOverwriteExistingCassetteException):
        fetch(NOWHERE, "hl:perp:NONE", interval="1h", start="2026-04-01", end="2026-04-03")


def recorded(name: str) -> Any:
    return yaml.safe_load(file(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_cassette_names_its_source_and_holds_no_key(name: str) -> None:
    text = file(name).read_text(encoding="utf-8")
    header = yaml.safe_load(text)["recorded"]
    assert header["from"].startswith("the sandbox of this project")
    assert date.fromisoformat(header["day"]) <= datetime.now(UTC).date()
    assert re.fullmatch("[0-9a-f]{64}", header["document"])
    assert "sandbox-key" not in text
    assert "x-api-key" not in text.lower()
    assert "127.0.0.1" not in text


def test_every_cassette_matches_the_current_document() -> None:
    """If this fails, the document has changed: record the cassettes again and review the difference."""
    current = tomllib.loads(LOCK.read_text(encoding="utf-8"))["documents"]["patched"]
    assert {recorded(name)["recorded"]["document"] for name in NAMES} == {current}
    assert {path.stem for path in (TESTS / "cassettes").glob("*.yaml")} == set(NAMES)

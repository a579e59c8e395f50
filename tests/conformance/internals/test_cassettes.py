"""Cassettes: recorded without secrets, replayed without a server."""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException

from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST
from conformance import cassettes
from conformance.clock import Clock
from conformance.request import Request, Server
from conformance.requester import Requester
from conformance.response import Response
from support.serving import Sandbox

HEADER = cassettes.Header("sandbox", "2026-05-01", "abc", {"market": "m"}, drawn={"a check": [[1]]})
VALID = Request((("interval", "1h"), ("start", "2026-05-01T00:00:00Z"), ("end", "2026-05-02T00:00:00Z")))
REQUESTS = [
    VALID,
    replace(VALID, key=None),
    replace(VALID, key="unrelated"),
    replace(VALID, colon="%3A"),
    VALID.with_parameters(limit=0),
]


def send_all(base_url: str, api_key: str) -> list[Response]:
    with httpx.Client(trust_env=False) as client:
        client.cookies.set("session", "a-cookie")
        requester = Requester(Server(base_url, "hl:perp:BTC-USDC", OPEN_INTEREST, KEY_HEADER, api_key), client, Clock())
        return [requester.send(request) for request in REQUESTS]


def test_an_outdated_recording_names_the_command_that_renews_it() -> None:
    assert cassettes.outdated(HEADER, "abc") is None
    assert "nox -s record -- --target sandbox" in str(cassettes.outdated(HEADER, "def"))


def test_a_recording_holds_no_secret_and_needs_no_server(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "x.json.xz"
    with cassettes.recording(path, HEADER, KEY_HEADER, sandbox.key):
        recorded = send_all(sandbox.url, sandbox.key)
    assert [response.status for response in recorded] == [200, 401, 403, 200, 422]
    text = lzma.decompress(path.read_bytes())
    assert not [secret for secret in (b"sandbox-key", b"a-cookie", b"not-a-key") if secret in text]
    assert cassettes.read(path)[0] == HEADER
    with cassettes.replaying(path, KEY_HEADER):
        replayed = send_all("http://sandbox.invalid", cassettes.VALID_KEY)
    assert [(r.status, r.body) for r in replayed] == [(r.status, r.body) for r in recorded]


def test_a_request_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.json.xz"
    with cassettes.recording(path, HEADER, KEY_HEADER, "k"):
        pass
    with cassettes.replaying(path, KEY_HEADER), pytest.raises(CannotOverwriteExistingCassetteException):
        httpx.get("http://sandbox.invalid/api")


def test_another_file_is_not_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "x.json.xz"
    path.write_bytes(lzma.compress(b"{}"))
    with pytest.raises(ValueError, match=r"x\.json\.xz is not a cassette"):
        cassettes.read(path)

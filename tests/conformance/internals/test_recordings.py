"""Every recording matches the current document and holds no secret."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Final

import pytest

from allium_market_data_wire.contract import KEY_HEADER
from conformance import cassettes
from conformance.document import Document

PATHS: Final = sorted(cassettes.FOLDER.glob(f"*{cassettes.SUFFIX}"))
each_cassette = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name.removesuffix(cassettes.SUFFIX))


def test_there_is_a_recording() -> None:
    assert PATHS


@each_cassette
def test_a_recording_matches_the_current_document(path: Path, document: Document) -> None:
    header, _ = cassettes.read(path)
    reason = cassettes.outdated(header, document.digest)
    assert reason is None, reason


@each_cassette
def test_a_recording_holds_no_key_and_no_cookie(path: Path) -> None:
    _, cassette = cassettes.read(path)
    for interaction in cassette["interactions"]:
        request, response = interaction["request"], interaction["response"]
        headers = {name.lower(): values for name, values in request["headers"].items()}
        keys = set(headers.pop(KEY_HEADER.lower(), []))
        assert keys <= {cassettes.VALID_KEY, cassettes.OTHER_KEY}
        assert not headers.keys() & {"authorization", "cookie"}
        assert "set-cookie" not in {name.lower() for name in response["headers"]}
    text = json.dumps(json.loads(lzma.decompress(path.read_bytes())))
    assert "sandbox-key" not in text

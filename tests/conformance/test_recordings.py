"""Every recording stands for today's specification, and holds no secret."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Final

import pytest

from conformance import cassettes
from conformance.document import Document

CASSETTES: Final = sorted(cassettes.FOLDER.glob(f"*{cassettes.SUFFIX}"))
each = pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.name.removesuffix(cassettes.SUFFIX))


@each
def test_a_recording_is_of_todays_document(path: Path, document: Document) -> None:
    recorded, _ = cassettes.read(path)
    why = cassettes.stale(recorded, document.digest)
    assert why is None, why


@each
def test_a_recording_holds_no_key_and_no_cookie(path: Path, document: Document) -> None:
    _, cassette = cassettes.read(path)
    for interaction in cassette["interactions"]:
        request, response = interaction["request"], interaction["response"]
        sent = {name.lower(): values for name, values in request["headers"].items()}
        keys = set(sent.pop(document.key_header.lower(), []))
        assert keys <= {cassettes.RIGHT_KEY, cassettes.ANOTHER_KEY}
        assert not sent.keys() & {"authorization", "cookie"}
        assert "set-cookie" not in {name.lower() for name in response["headers"]}
    text = json.dumps(json.loads(lzma.decompress(path.read_bytes())))
    assert "sandbox-key" not in text

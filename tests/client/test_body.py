"""The body of an answer: unpacked as it comes, whole or refused, and never larger than is allowed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allium_market_data.client.body import LARGEST_BODY, Body
from allium_market_data.errors import ConnectionFailedError, ContractError


def taken(encoding: str, *parts: bytes) -> bytes:
    body = Body(encoding)
    for part in parts:
        body.add(part)
    return body.whole()


@given(st.binary(max_size=3_000), st.sampled_from(["", "identity", "gzip", " X-GZIP "]), st.data())
def test_it_is_the_same_however_it_is_cut(content: bytes, encoding: str, data: st.DataObject) -> None:
    half = data.draw(st.integers(0, len(content)))
    members = (content[:half], content[half:])  # gzip may come as several members
    sent = b"".join(map(gzip.compress, members)) if "gzip" in encoding.lower() else content
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    parts = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert taken(encoding, *parts) == content


def test_an_empty_body_is_empty_whatever_its_packing() -> None:
    assert taken("gzip") == taken("") == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "\x1b[31m"])
def test_a_packing_that_was_not_asked_for_is_refused_in_clean_words(encoding: str) -> None:
    with pytest.raises(ContractError, match="gzip was asked for") as caught:
        Body(encoding)
    assert str(caught.value).isprintable()


def test_packing_that_stops_in_the_middle_is_a_broken_connection() -> None:
    packed = gzip.compress(b"x" * 10_000)
    for length in range(1, len(packed)):
        with pytest.raises(ConnectionFailedError, match="stops in the middle"):
            taken("gzip", packed[:length])


PACKED = gzip.compress(b"x", mtime=0)


@pytest.mark.parametrize("packed", [b"no gzip at all", PACKED + b"tail", zlib.compress(b"x"), PACKED[:-8] + bytes(8)])
def test_packing_that_is_broken_is_a_broken_connection(packed: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="broken"):
        taken("gzip", packed)


def test_a_few_bytes_that_unpack_to_very_many_take_no_more_than_is_allowed() -> None:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packing.compress(bytes(2**20)) for _ in range(2**9)) + packing.flush()  # half a GiB in half a MiB
    tracemalloc.start()
    try:
        with pytest.raises(ContractError, match="longer than 16 MiB"):
            taken("gzip", bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST_BODY
    finally:
        tracemalloc.stop()


def test_what_is_as_long_as_is_allowed_is_taken_and_one_byte_more_is_not() -> None:
    content = bytes(LARGEST_BODY)
    assert len(taken("", content)) == len(taken("gzip", gzip.compress(content, 1))) == LARGEST_BODY
    for encoding, sent in (("", content + b"1"), ("gzip", gzip.compress(content + b"1", 1))):
        with pytest.raises(ContractError, match="longer than"):
            taken(encoding, sent)

"""The body of a response: decompressed as it arrives, complete or refused, and never larger than allowed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from allium_market_data.client import body as body_module
from allium_market_data.client.body import MAX_BODY, Body
from allium_market_data.errors import ConnectionFailedError, ContractError


def read(encoding: str, *parts: bytes) -> bytes:
    body = Body(encoding)
    for part in parts:
        body.add(part)
    return body.whole()


@given(st.binary(max_size=3_000), st.sampled_from(["", "identity", "gzip", " X-GZIP "]), st.data())
def test_the_content_does_not_depend_on_how_it_is_split(content: bytes, encoding: str, data: st.DataObject) -> None:
    half = data.draw(st.integers(0, len(content)))
    members = (content[:half], content[half:])  # a gzip stream may have several members
    sent = b"".join(map(gzip.compress, members)) if "gzip" in encoding.lower() else content
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    parts = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert read(encoding, *parts) == content


def test_an_empty_body_is_empty_in_every_encoding() -> None:
    assert read("gzip") == read("") == b""


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "\x1b[31m"])
def test_an_encoding_that_was_not_accepted_is_refused(encoding: str) -> None:
    with pytest.raises(ContractError, match="only gzip was accepted") as caught:
        Body(encoding)
    assert str(caught.value).isprintable()


def test_truncated_gzip_is_a_broken_connection() -> None:
    compressed = gzip.compress(b"x" * 10_000)
    for length in range(1, len(compressed)):
        with pytest.raises(ConnectionFailedError, match="truncated"):
            read("gzip", compressed[:length])


GZIP = gzip.compress(b"x", mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"not gzip at all",
        GZIP + b"\x1f\x8btail",
        zlib.compress(b"x"),
        GZIP[:-8] + bytes(8),
        GZIP + GZIP[:-8] + bytes(8),
    ],
)
def test_invalid_gzip_is_a_broken_connection(data: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="invalid"):
        read("gzip", data)


def split(sent: bytes, data: st.DataObject) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    return [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


@given(st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 3)), min_size=1, max_size=3), st.data())
def test_nuls_may_pad_the_members_of_gzip(members: list[tuple[bytes, int]], data: st.DataObject) -> None:
    sent = b"".join(gzip.compress(content) + bytes(padding) for content, padding in members)
    assert read("gzip", *split(sent, data)) == gzip.decompress(sent) == b"".join(content for content, _ in members)


@given(st.binary(min_size=1, max_size=9), st.data())
def test_what_follows_gzip_and_is_none_is_ignored(tail: bytes, data: st.DataObject) -> None:
    """The checksum shows that what came before it is whole."""
    assume(not b"\x1f\x8b".startswith(tail.lstrip(b"\0")[:2]) or not tail.strip(b"\0"))
    assert read("gzip", *split(GZIP + tail, data)) == b"x"


@pytest.mark.parametrize("tail", [b"\x1f", b"\0\x1f", GZIP[:1], GZIP[:2], GZIP[:-1]])
def test_a_member_that_has_begun_must_end(tail: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="truncated"):
        read("gzip", GZIP + tail)
    with pytest.raises(ConnectionFailedError, match="truncated"):
        read("gzip", GZIP, *(bytes([byte]) for byte in tail))


@pytest.mark.parametrize("parts", [[GZIP + b"\x1fz"], [GZIP + b"\x1f", b"z"], [GZIP, b"?", GZIP]])
def test_half_a_magic_number_begins_no_member(parts: list[bytes]) -> None:
    assert read("gzip", *parts) == b"x"


def test_an_endless_tail_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_BODY", 2**20)
    with pytest.raises(ContractError, match="longer than 1 MiB"):
        read("gzip", GZIP, *[bytes(2**18)] * 5)


def test_a_gzip_bomb_takes_no_more_memory_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_BODY", 2**20)
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(2**20)) for _ in range(32)) + compressor.flush()
    tracemalloc.start()
    try:
        with pytest.raises(ContractError, match="longer than 1 MiB"):
            read("gzip", bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * 2**20
    finally:
        tracemalloc.stop()


def test_the_largest_body_is_read_and_one_byte_more_is_refused() -> None:
    content = bytes(MAX_BODY)
    assert len(read("", content)) == len(read("gzip", gzip.compress(content, 1))) == MAX_BODY
    for encoding, data in (("", content + b"1"), ("gzip", gzip.compress(content + b"1", 1))):
        with pytest.raises(ContractError, match="longer than 16 MiB"):
            read(encoding, data)

"""The body of a response, decompressed as it arrives, up to a fixed size."""

from __future__ import annotations

import zlib

from ..errors import ConnectionFailedError
from .error_response import contract_error

MAX_BODY = 16 * 2**20
"""How many bytes a body may have, compressed or not. The largest one that the specification allows has about a million."""

ACCEPTED = "gzip"
"""The Accept-Encoding of requests."""

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
"""The first bytes of a gzip member."""
_NO_MEMBER = b"?"
"""Any other byte: what follows it is ignored."""


class Body:
    """The body of one response. ``encoding`` is its Content-Encoding, empty for none.

    Raises ``ContractError`` for a body that is too long or has another encoding than requested, as soon as that is known,
    and ``ConnectionFailedError`` for compressed data that is invalid or truncated.

    As gzip itself does, it reads all members of a gzip stream, also where NULs pad them, and ignores anything else after a
    member: the checksum of each member shows that it is whole.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise contract_error(f"its Content-Encoding is {encoding!a:.40}, and only {ACCEPTED} was accepted")
        self._decompressor = zlib.decompressobj(_GZIP) if name.endswith("gzip") else None
        self._between = b""
        """What was received after a member of the next one's magic number, without the NULs before it; or `_NO_MEMBER`."""
        self._parts: list[bytes] = []
        self._received = self._size = 0

    def add(self, part: bytes) -> None:
        """Add the next part."""
        self._received += len(part)
        _check(self._received)
        while part and self._decompressor is not None:
            if self._decompressor.eof:
                part = self._next_member(part)
            if part:
                part = self._decompress(part, self._decompressor)
        if self._decompressor is None:
            self._append(part)

    def whole(self) -> bytes:
        """The whole body, after the last part was added."""
        is_ended = self._decompressor is None or (self._decompressor.eof and self._between != _MAGIC[:1])
        if self._received and not is_ended:
            raise ConnectionFailedError("the compressed body is truncated")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        _check(self._size)
        self._parts.append(part)

    def _next_member(self, part: bytes) -> bytes:
        """The part from the next member on; empty if it has none."""
        rest = (self._between + part).lstrip(b"\0")
        if rest.startswith(_MAGIC):
            self._between, self._decompressor = b"", zlib.decompressobj(_GZIP)
            return rest
        self._between = rest if rest in (b"", _MAGIC[:1]) else _NO_MEMBER
        return b""

    def _decompress(self, part: bytes, decompressor: zlib._Decompress) -> bytes:
        """Decompress a part, up to the size limit, and return the rest of it."""
        try:
            self._append(decompressor.decompress(part, MAX_BODY + 1 - self._size))
        except zlib.error as error:
            raise ConnectionFailedError(f"the compressed body is invalid: {error}") from None
        return decompressor.unconsumed_tail or decompressor.unused_data


def _check(size: int) -> None:
    if size > MAX_BODY:
        raise contract_error(f"its body is longer than {MAX_BODY // 2**20} MiB")

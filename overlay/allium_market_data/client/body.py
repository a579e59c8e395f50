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


class Body:
    """The body of one response. ``encoding`` is its Content-Encoding, empty for none.

    Raises ``ContractError`` for a body that is too long or has another encoding than requested, as soon as that is known,
    and ``ConnectionFailedError`` for compressed data that is invalid or truncated.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise contract_error(f"its Content-Encoding is {encoding!a:.40}, and only {ACCEPTED} was accepted")
        self._decompressor = zlib.decompressobj(_GZIP) if name.endswith("gzip") else None
        self._parts: list[bytes] = []
        self._received = self._size = 0

    def add(self, part: bytes) -> None:
        """Add the next part."""
        self._received += len(part)
        _check(self._received)
        while part and self._decompressor is not None:
            part = self._decompress(part, self._decompressor)
        if self._decompressor is None:
            self._append(part)

    def whole(self) -> bytes:
        """The whole body, after the last part was added."""
        if self._decompressor is not None and self._received and not self._decompressor.eof:
            raise ConnectionFailedError("the compressed body is truncated")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        _check(self._size)
        self._parts.append(part)

    def _decompress(self, part: bytes, decompressor: zlib._Decompress) -> bytes:
        """Decompress a part, up to the size limit, and return the rest of it."""
        if decompressor.eof:  # another gzip member follows
            decompressor = self._decompressor = zlib.decompressobj(_GZIP)
        try:
            self._append(decompressor.decompress(part, MAX_BODY + 1 - self._size))
        except zlib.error as error:
            raise ConnectionFailedError(f"the compressed body is invalid: {error}") from None
        return decompressor.unconsumed_tail or decompressor.unused_data


def _check(size: int) -> None:
    if size > MAX_BODY:
        raise contract_error(f"its body is longer than {MAX_BODY // 2**20} MiB")

"""The body of an answer, taken in part by part and unpacked as it comes, never beyond a fixed size."""

from __future__ import annotations

import zlib

from ..errors import ConnectionFailedError, ContractError

LARGEST_BODY = 16 * 2**20
"""The most bytes, packed or unpacked, that an answer may have. The largest honest one has about one million."""

ACCEPTED = "gzip"
"""The compression that requests ask for."""

_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """The bytes of one answer. ``encoding`` is its Content-Encoding, empty for none.

    Raises ``ContractError`` for a body that is too long or packed in a way that nobody asked for, as soon as that is known,
    and ``ConnectionFailedError`` for one whose packing is broken or stops in the middle.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise ContractError(
                f"the answer breaks the contract: it is packed as {encoding!a:.40}, and {ACCEPTED} was asked for"
            )
        self._unpacking = zlib.decompressobj(_GZIP) if name.endswith("gzip") else None
        self._parts: list[bytes] = []
        self._taken = self._size = 0

    def add(self, part: bytes) -> None:
        """Take the next part."""
        self._taken += len(part)
        _check(self._taken)
        while part and self._unpacking is not None:
            part = self._unpack(part, self._unpacking)
        if self._unpacking is None:
            self._keep(part)

    def whole(self) -> bytes:
        """All of it, once the last part was taken."""
        if self._unpacking is not None and self._taken and not self._unpacking.eof:
            raise ConnectionFailedError("the answer's compression stops in the middle")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        _check(self._size)
        self._parts.append(part)

    def _unpack(self, part: bytes, unpacking: zlib._Decompress) -> bytes:
        """Unpack what is allowed at most of a part, and return what is left of it."""
        if unpacking.eof:  # another member follows
            unpacking = self._unpacking = zlib.decompressobj(_GZIP)
        try:
            self._keep(unpacking.decompress(part, LARGEST_BODY + 1 - self._size))
        except zlib.error as error:
            raise ConnectionFailedError(f"the answer's compression is broken: {error}") from None
        return unpacking.unconsumed_tail or unpacking.unused_data


def _check(size: int) -> None:
    if size > LARGEST_BODY:
        raise ContractError(f"the answer breaks the contract: it is longer than {LARGEST_BODY // 2**20} MiB")

"""From the pages that Allium publishes to the generated package: extract, merge, patch, generate, lock.

``page`` reads a page, ``document`` merges what several pages say, ``patch`` applies the overlay, ``wire`` runs the
generator, ``lock`` records where everything came from, and ``project`` ties them to a folder.
All but ``fetch``, ``wire``, ``tree`` and ``project`` are pure: bytes or plain data in, the same out.

Every failure is a `SpecError`, and none of them leaves a half-written file.
"""

from __future__ import annotations

from ..errors import SpecError

__all__ = ["SpecError"]

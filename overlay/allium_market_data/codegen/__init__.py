"""From the pages that Allium publishes to the generated package: extract, merge, patch, generate, lock.

``page`` reads a page, ``document`` merges the documents of several pages, ``overlay`` patches the result, ``package`` runs
the generator, ``lock`` records where everything came from, and ``project`` applies all of it to a folder. Only ``fetch``,
``package``, ``file_tree`` and ``project`` touch files or the network.

Every failure is a `SpecError`, and none leaves a half-written file.
"""

from __future__ import annotations

from ..errors import SpecError

__all__ = ["SpecError"]

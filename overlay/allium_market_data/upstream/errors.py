"""The one way in which this part fails."""

from __future__ import annotations

from ..refusal import clean


class SpecError(Exception):
    """The specification cannot be read, merged, patched or generated; nothing was changed.

    ``where`` names the page, file or address at fault (two of them for a conflict) and ``reason`` says what is wrong;
    the message is one line made of both, without what a terminal would obey.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where = clean(where)
        self.reason = " ".join(clean(reason).split())
        super().__init__(f"{self.where}: {self.reason}")

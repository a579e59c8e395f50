"""What an answer does wrong, as an error that names the place. Nothing of it can do anything to a terminal."""

from __future__ import annotations

from ..errors import ContractError


def wrong(what: str, row: int | None = None, field: str | None = None) -> ContractError:
    """The error, with the row, counted from 0 as it was sent, and the field."""
    place = ", ".join(f"{name} {value}" for name, value in (("row", row), ("field", field)) if value is not None)
    return ContractError(f"the answer breaks the contract: {place}{': ' if place else ''}{what}", row=row, field=field)

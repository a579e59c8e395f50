"""Rows as a few lines of text, for a terminal, and as HTML, for a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape

EDGE = 3
"""The rows shown of each end."""

WIDEST = 40
"""The characters shown of a cell."""


class Displayed(ABC):
    """Adds ``repr`` and the display of a notebook to a class that knows its title and its rows."""

    __slots__ = ()

    @abstractmethod
    def _title(self) -> str:
        """One line that says what the rows are."""

    @abstractmethod
    def _cells(self, row: int) -> Sequence[str]:
        """The cells of a row as text."""

    @abstractmethod
    def _headings(self) -> Sequence[str]:
        """The names of the cells."""

    @abstractmethod
    def _row_count(self) -> int:
        """The number of rows."""

    def __repr__(self) -> str:
        lines = [list(self._headings()), *self._edges()] if self._row_count() else []
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join([cell.rjust(width) for cell, width in zip(line, widths, strict=True)]) for line in lines]
        return "\n".join([f"<{self._title()}>", *(f"  {line.rstrip()}" for line in text)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self._headings())
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in line) for line in self._edges())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self._row_count() else ""
        return f"<div><p>{escape(self._title())}</p>{table}</div>"

    def _edges(self) -> list[list[str]]:
        """The rows of both ends, with a line of dots between them if others are left out."""
        count = self._row_count()
        if count <= 2 * EDGE:
            return [self._shown(row) for row in range(count)]
        first, last = range(EDGE), range(count - EDGE, count)
        dots = ["..." if name else "" for name in self._headings()]
        return [*map(self._shown, first), dots, *map(self._shown, last)]

    def _shown(self, row: int) -> list[str]:
        return [cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 3]}..." for cell in self._cells(row)]

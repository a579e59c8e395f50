"""One side of a comparison: published pages, or a bare document without prose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..codegen import document as documents
from ..codegen import page as pages
from ..codegen.page import Document, Page, operations
from ..errors import SpecError


@dataclass(frozen=True, slots=True)
class Source:
    """A merged document, and the prose of its pages as (page name, text); ``prose`` is None for documents without a page."""

    name: str
    document: Document
    prose: tuple[tuple[str, str], ...] | None = None

    @classmethod
    def of_pages(cls, *read_pages: Page) -> Source:
        """Pages as read by `codegen.page.read`, merged. A bare document among them has no prose.

        Raises `SpecError` if the pages contradict each other, or describe no operation.
        """
        name = " and ".join(page.name for page in read_pages)
        try:
            merged = documents.merge(part for page in read_pages for part in page.parts)
        except RecursionError:
            raise SpecError(name, "is nested too deep to be compared") from None
        if not operations(merged) and not merged.get("webhooks"):
            raise SpecError(name, "the document describes no operation")
        prose = tuple((page.name, page.prose) for page in read_pages if page.parts[0].where != page.name)
        return cls(name, merged, prose or None)

    @classmethod
    def of_bytes(cls, files: Sequence[tuple[str, bytes]]) -> Source:
        """Pages or documents as (name, bytes); raises `SpecError` for anything else."""
        return cls.of_pages(*(pages.read(name, data) for name, data in files))

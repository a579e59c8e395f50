"""Thirteen moves of the published page, as an API in alpha makes them: each as edits of the page's text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "spec/upstream/get-open-interest.md"

PATH: Final = "/api/v1/markets/{market_id}/perps/open_interest"
VENUE: Final = """        - name: venue_status
          in: query
          description: Return rows of halted venues too.
          schema:
            type: boolean
            default: false
"""


LABEL: Final = """          type: string
          description: ISO 8601 timestamp at the bucket boundary.
          examples:
            - '2026-05-01T01:00:00.000000+00:00'
"""
MILLISECONDS: Final = """          type: integer
          description: Unix timestamp in milliseconds at the bucket boundary.
          examples:
            - 1777597200000
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the page: replaced texts, each found at least once."""

    name: str
    edits: tuple[tuple[str, str], ...]
    is_compatible: bool = False
    """Whether a server of the old page fits the new one too."""

    def page(self) -> str:
        """The page after the move."""
        text = PAGE.read_text(encoding="utf-8")
        for old, new in self.edits:
            assert old in text, (self.name, old)
            text = text.replace(old, new)
        return text


MOVES: Final = (
    Move("from-and-to", (("name: start_timestamp", "name: from"), ("name: end_timestamp", "name: to"))),
    Move("ts-renamed", (("        ts:\n", "        open_time:\n"), ("        - ts\n", "        - open_time\n"))),
    Move("oi-quote-usd-renamed", (("oi_quote_usd", "open_interest_usd"),)),
    Move("cap-31-days", (("**7 days**", "**31 days**"), ("capped at 7 days", "capped at 31 days"))),
    Move("cap-1-day", (("**7 days**", "**1 day**"), ("capped at 7 days", "capped at 1 day"))),
    Move("limit-maximum-1000", (("(1–5000)", "(1–1000)"), ("maximum: 5000", "maximum: 1000"))),
    Move("limit-default-100", (("default: 500\n", "default: 100\n"),)),
    Move("interval-30m", (("              - 15m\n", "              - 15m\n              - 30m\n"),)),
    Move("interval-4h-gone", (("              - 4h\n", ""),)),
    Move("path-v2", ((PATH, PATH.replace("/v1/", "/v2/")),)),
    Move("another-key-header", (("name: X-API-KEY", "name: X-Allium-Key"),)),
    Move("optional-parameter", (("        - name: limit\n", f"{VENUE}        - name: limit\n"),), is_compatible=True),
    Move("ts-in-milliseconds", ((LABEL, MILLISECONDS),)),
)

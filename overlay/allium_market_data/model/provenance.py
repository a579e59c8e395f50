"""Where the rows of a series came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .windows import Window


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where rows came from: enough to repeat a fetch, and to distinguish two fetches.

    ``specification`` is the SHA-256 of the OpenAPI document from which the client was generated. ``requests`` counts the
    requests sent, including retries and refetches of missing rows. ``windows`` are those of the plan.
    """

    base_url: str
    specification: str
    client_version: str
    windows: Sequence[Window]
    requests: int
    started: datetime
    finished: datetime

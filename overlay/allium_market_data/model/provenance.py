"""Where the rows of a series came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .windows import Window


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where rows came from: enough to ask the same again, and to tell two fetches apart.

    ``specification`` is the SHA-256 of the OpenAPI document that the client was generated from, ``requests`` counts the
    requests that were sent, retries and second looks included, and ``windows`` are those of the plan.
    """

    base_url: str
    specification: str
    client_version: str
    windows: Sequence[Window]
    requests: int
    started: datetime
    finished: datetime

"""Two readings refuse requests that are valid otherwise."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from allium_market_data.sandbox import DEFAULT_API_KEY, Samples, reading_named
from allium_market_data.sandbox.endpoint import SandboxEndpoint, SandboxRequest
from allium_market_data_wire.contract import OPEN_INTEREST


@pytest.mark.parametrize(
    ("start", "end", "statuses"),
    [
        ("2006-01-01T00:00:00Z", "2006-01-02T00:00:00Z", (200, 422)),
        ("2026-05-01", "2026-05-02T00:00:00Z", (200, 422)),
        ("2026-05-01T00:00:00Z", "2026-05-02", (200, 422)),
        ("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z", (200, 200)),
    ],
)
def test_old_windows_and_dates_alone_may_be_refused(
    served_samples: Samples, start: str, end: str, statuses: tuple[int, int]
) -> None:
    query = {OPEN_INTEREST.start_parameter: start, OPEN_INTEREST.end_parameter: end}
    request = SandboxRequest(
        "hl:perp:BTC-USDC",
        urlencode(query | {str(OPEN_INTEREST.interval_parameter): "1h"}).encode(),
        DEFAULT_API_KEY.encode(),
    )
    readings = (reading_named([]), reading_named(["history-refused", "date-refused"]))
    assert (
        tuple(SandboxEndpoint(served_samples, each, DEFAULT_API_KEY)(request).status for each in readings) == statuses
    )

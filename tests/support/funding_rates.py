"""A made-up second endpoint in the shape of funding rates: hourly, no interval parameter, one signed decimal.

Allium has not published such a page here; the names are ours. What a maintainer adds for an endpoint is all here: its page,
the roles of its parameters and fields, the clauses that these name (in ``funding/``), and the record.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from allium_market_data.codegen import document, file_tree, overlay, package, page
from allium_market_data.codegen.clauses import CLAUSES, read_entries
from allium_market_data.codegen.contract import check_statements
from allium_market_data.codegen.overlay import OVERLAY
from allium_market_data.codegen.page import Document
from allium_market_data.model.endpoint import Endpoint
from allium_market_data.model.rows import Columns, Record
from allium_market_data.series.generic import Series
from support.sample_series import MARKET, START, instant, provenance

ROOT: Final = Path(__file__).parents[2]
FUNDING: Final = Path(__file__).with_name("funding")
PAGES: Final = (ROOT / "spec/upstream/get-open-interest.md", FUNDING / "get-funding-rates.md")


class FundingRate(Record, frozen=True, gc=False):
    """The funding rate of one hour."""

    market_id: str
    ts: datetime
    rate: Decimal
    provisional: bool = False


def two_endpoints() -> Document:
    """The patched document of the published page and the made-up one."""
    merged = document.merge(part for path in PAGES for part in page.read(path.name, path.read_bytes()).parts)
    patched = merged
    for file in (ROOT / OVERLAY, FUNDING / "overlay.yaml"):
        patched, _ = overlay.apply(patched, overlay.read(file.read_text(encoding="utf-8")))
    files = (ROOT / CLAUSES, FUNDING / "clauses.toml")
    entries = [entry for file in files for entry in read_entries(file.read_text(encoding="utf-8"))]
    check_statements(patched, {entry.id: entry.quote for entry in entries})
    return patched


def generated() -> Any:
    """The contract of both endpoints, out of a package that is generated under another name."""
    folder, name = Path(tempfile.mkdtemp(prefix="funding-")), f"{package.PACKAGE}_of_two"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tree = package.generate(two_endpoints())
    renamed = {path: data.replace(package.PACKAGE.encode(), name.encode()) for path, data in tree.items()}
    file_tree.swap(folder, {name: renamed})
    sys.path.append(str(folder))
    return importlib.import_module(f"{name}.contract")


CONTRACT: Final = generated()

FUNDING_RATES: Final = Endpoint(CONTRACT.FUNDING_RATES, FundingRate)


def rates(
    texts: Sequence[str],
    hours: Sequence[int] | None = None,
    end: int | None = None,
    *,
    market_id: str = MARKET,
    provisional: Sequence[int] = (),
) -> Series[FundingRate]:
    """Rates at these hours, by default consecutive ones from the first, over 0 <= hour < end."""
    hours = range(len(texts)) if hours is None else hours
    last = hours[-1] + 1 if hours else 1
    return Series(
        endpoint=FUNDING_RATES,
        market_id=market_id,
        interval="1h",
        start=START,
        end=START + timedelta(hours=last if end is None else end),
        columns=Columns(
            [instant(hour, "1h") for hour in hours], (list(texts),), [hour in provisional for hour in hours]
        ),
        provenance=provenance(),
    )

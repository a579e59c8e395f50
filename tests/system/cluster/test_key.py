"""The key reaches the workers, and stands nowhere on the way: no task, no log, no page of the dashboard."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus, urljoin
from urllib.request import urlopen

import pytest

from allium_market_data import MarketData
from allium_market_data.store import Progress, backfill
from support.clusters import Cluster, Served, specifications
from support.crashing import MARKETS, SPAN, snapshot
from support.serving import SECRET

pytestmark = pytest.mark.xdist_group("cluster")

PAGES = (
    "info/main/workers.html",
    "info/main/tasks.html",
    "json/identity.json",
    "json/counts.json",
    "metrics",
    "status",
)


def forms(key: str) -> list[bytes]:
    """The key in every usual way to write it."""
    plain = [
        key,
        json.dumps(key)[1:-1],
        repr(key)[1:-1],
        quote(key),
        quote(key, safe=""),
        quote_plus(key),
        html.escape(key),
    ]
    written = {form.encode() for form in plain}
    shifted = {base64.b64encode(b"x" * shift + key.encode())[4:-4] for shift in range(3)}
    return sorted(written | shifted)


def shown(found: dict[str, bytes], key: str) -> list[str]:
    """Where the key stands."""
    return [place for place, content in found.items() for form in forms(key) if form in content]


def pages(dashboard: str) -> Iterator[tuple[str, bytes]]:
    """The dashboard's pages, and those that they lead to."""
    wanted = [urljoin(dashboard, f"/{page}") for page in PAGES]
    seen: set[str] = set()
    while wanted:
        url = wanted.pop()
        if url in seen or not url.startswith(dashboard) or "/static" in url or len(seen) > 60:
            continue
        seen.add(url)
        try:
            with urlopen(url, timeout=30) as answer:  # noqa: S310 - a URL of this machine's
                body = answer.read()
        except HTTPError:  # some pages come with optional packages
            continue
        yield url, body
        wanted += [urljoin(url, link) for link in re.findall(r'href="([^"#]+)"', body.decode(errors="replace"))]


def everything(dask: Any, machines: Cluster) -> dict[str, bytes]:
    """All that the cluster tells about itself."""
    dashboard = urljoin(dask.dashboard_link, "/")
    return {
        "specifications": dask.run_on_scheduler(specifications),
        "scheduler's log": repr(dask.get_scheduler_logs()).encode(),
        "workers' logs": repr(dask.get_worker_logs()).encode(),
        "nannies' logs": repr(dask.get_worker_logs(nanny=True)).encode(),
        "events": repr(dask.get_events()).encode(),
        "call stacks": repr(dask.call_stack()).encode(),
        "scheduler": repr(dask.scheduler_info()).encode(),
        "versions": repr(dask.get_versions()).encode(),
        **dict(pages(dashboard)),
    }


def test_the_key_stands_in_no_task_no_log_and_no_page(
    tmp_path: Path, server: Served, dask: Any, spread_over: Cluster
) -> None:
    found: list[dict[str, bytes]] = []

    def look(at: Progress) -> None:
        if at.done and not found:
            found.append(everything(dask, spread_over))

    with MarketData(SECRET, server.url, max_rate=8, max_concurrency=2) as client:
        backfill(MARKETS, "1h", *SPAN, tmp_path / "table", client=client, dask=dask, progress=look)
    assert snapshot(tmp_path / "table") == server.rows
    found.append({**everything(dask, spread_over), "what the processes print": spread_over.logs().encode()})
    assert shown(found[0], SECRET) == []
    assert shown(found[1], SECRET) == []
    assert len(found[0]) > 15, sorted(found[0])
    told = server.url.encode()
    assert told in found[0]["specifications"], "there was nothing to look at"
    assert any("/info/task/" in url for url in found[0]), "no page of a task"
    assert shown(found[0], server.url), "the search finds nothing"


@pytest.mark.parametrize("form", forms(SECRET))
def test_the_search_for_the_key_finds_it_however_it_is_written(form: bytes) -> None:
    assert shown({"here": b"<" + form + b">"}, SECRET)

"""Workers have the API key, and no task, log or page of the dashboard shows it."""

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
from support.clusters import Cluster, serialize_tasks
from support.crashing import MARKETS, SPAN, Hooked, snapshot
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
    """The key in every usual encoding."""
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


def find_key(texts: dict[str, bytes], key: str) -> list[str]:
    """The names of the texts that contain the key."""
    return [name for name, content in texts.items() for form in forms(key) if form in content]


def pages(dashboard: str) -> Iterator[tuple[str, bytes]]:
    """The pages of the dashboard, and those that they link to."""
    waiting = [urljoin(dashboard, f"/{page}") for page in PAGES]
    seen: set[str] = set()
    while waiting:
        url = waiting.pop()
        if url in seen or not url.startswith(dashboard) or "/static" in url or len(seen) > 60:
            continue
        seen.add(url)
        try:
            with urlopen(url, timeout=30) as response:  # noqa: S310 - a URL of this machine
                body = response.read()
        except HTTPError:  # a page of a package that is not installed
            continue
        yield url, body
        waiting += [urljoin(url, link) for link in re.findall(r'href="([^"#]+)"', body.decode(errors="replace"))]


def read_cluster(dask: Any) -> dict[str, bytes]:
    """Everything that a cluster shows about itself."""
    dashboard = urljoin(dask.dashboard_link, "/")
    return {
        "tasks": dask.run_on_scheduler(serialize_tasks),
        "scheduler's log": repr(dask.get_scheduler_logs()).encode(),
        "workers' logs": repr(dask.get_worker_logs()).encode(),
        "nannies' logs": repr(dask.get_worker_logs(nanny=True)).encode(),
        "events": repr(dask.get_events()).encode(),
        "call stacks": repr(dask.call_stack()).encode(),
        "scheduler": repr(dask.scheduler_info()).encode(),
        "versions": repr(dask.get_versions()).encode(),
        **dict(pages(dashboard)),
    }


def test_no_task_log_or_page_shows_the_key(
    tmp_path: Path, server: Hooked, url: str, expected: list[dict[str, Any]], dask: Any, processes: Cluster
) -> None:
    during: dict[str, bytes] = {}

    def read(progress: Progress) -> None:
        if progress.done and not during:
            during.update(read_cluster(dask))

    with MarketData(SECRET, url) as client:
        backfill(MARKETS, "1h", *SPAN, tmp_path / "table", client=client, dask=dask, progress=read)
    assert snapshot(tmp_path / "table") == expected
    after = {**read_cluster(dask), "output": processes.logs().encode()}
    assert find_key(during, SECRET) == []
    assert find_key(after, SECRET) == []
    assert len(during) > 15, sorted(during)
    assert url.encode() in during["tasks"], "the tasks are not readable"
    assert any("/info/task/" in name for name in during), "no page of a task"
    assert find_key(during, url), "the search finds nothing"


@pytest.mark.parametrize("form", forms(SECRET))
def test_the_search_finds_the_key_in_every_encoding(form: bytes) -> None:
    assert find_key({"text": b"<" + form + b">"}, SECRET)

"""The key is shown neither on a terminal in development mode nor in the output of the conformance suite."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allium_market_data.sandbox import Samples, create_app, running
from security.leaks import HIDDEN, files, leaks, search
from security.servers import SERVERS
from support.serving import MARKET, served

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sandbox_url(served_samples: Samples) -> Iterator[str]:
    with running(create_app(served_samples, api_key=HIDDEN[0])) as url:
        yield url


LOUD = """
import faulthandler, logging, sys, warnings
logging.basicConfig(level=1, stream=sys.stderr)
faulthandler.enable()
warnings.simplefilter("default")
from allium_market_data.cli.main import main
try:
    main()
finally:
    faulthandler.dump_traceback(all_threads=True)
"""


def test_terminal_in_development_mode_does_not_show_the_key(sandbox_url: str, tmp_path: Path) -> None:
    """On a pseudo-terminal, in Python's development mode, with every log: a bar, a table, and what lies behind them."""
    import pty

    table = str(tmp_path / "table")
    spread = ["--interval", "1m", "--start", "2026-03-01", "--end", "2026-03-03", "--base-url", sandbox_url]
    for words in (["open-interest", MARKET, *spread], ["backfill", MARKET, *spread, "--table", table]):
        env = {**os.environ, "ALLIUM_API_KEY": HIDDEN[0], "PYTHONASYNCIODEBUG": "1", "TERM": "xterm", "COLUMNS": "120"}
        master, slave = pty.openpty()
        command = [sys.executable, "-X", "dev", "-W", "default", "-c", LOUD, *words]
        with subprocess.Popen(command, stdout=slave, stderr=slave, env=env) as process:
            os.close(slave)
            titles = Path(f"/proc/{process.pid}/cmdline").read_bytes() if sys.platform == "linux" else b""
            shown = b""
            while part := _read(master):
                shown += part
        os.close(master)
        assert process.returncode == 0, shown.decode()
        assert b"fetching" in shown
        assert b"asyncio" in shown
        assert leaks(shown) == []
        assert leaks(titles) == []


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_suite_output_does_not_show_the_key(sandbox_url: str, tmp_path: Path) -> None:
    """Against a server that refuses everything and quotes the key: long tracebacks with local variables, a JUnit file."""
    junit, profile = tmp_path / "junit.xml", tmp_path / "seen.toml"
    words = ["-q", "-l", "--tb=long", "-vv", "-p", "no:cacheprovider", "-p", "no:randomly", f"--junitxml={junit}"]
    suite = ["tests/conformance/test_access.py", "--target=live"]
    env = {**os.environ, "ALLIUM_API_KEY": HIDDEN[0]}
    with served(SERVERS["400"][0]) as url:
        command = [sys.executable, "-m", "pytest", *words, *suite, f"--base-url={url}", f"--profile-out={profile}"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed" in done.stdout
    assert search(iter([("output", done.stdout), ("errors", done.stderr)])) == []
    assert search(files(tmp_path)) == []

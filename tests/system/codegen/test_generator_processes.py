"""The generated package in fresh interpreters: its bytes with another hash seed, the import of a new endpoint, no httpx."""

import datetime as dt
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from allium_market_data.codegen import package, project
from allium_market_data.codegen.file_tree import read as read_tree
from support.pages import CANDLES

ROOT = Path(__file__).parents[3]


def output(program: str, *, cwd: Path = ROOT, input: bytes | None = None, **environment: str) -> str:
    """The standard output of a program in a Python process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=input,
        capture_output=True,
        check=True,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    return done.stdout.decode().strip()


def test_generated_bytes_do_not_depend_on_the_hash_seed() -> None:
    committed = read_tree(ROOT / project.PACKAGE)
    program = (
        "import hashlib, json, sys; from allium_market_data.codegen.package import generate\n"
        "print(hashlib.sha256(repr(generate(json.load(sys.stdin))).encode()).hexdigest())"
    )
    generated = output(program, input=committed[package.DOCUMENT], PYTHONHASHSEED="1")
    assert generated == hashlib.sha256(repr(committed).encode()).hexdigest()


def test_new_endpoint_can_be_imported(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    (tmp_path / project.UPSTREAM / "candles.md").write_text(CANDLES)
    project.plan_update(tmp_path, today=dt.date(2030, 1, 1)).apply()
    program = (
        "from allium_market_data_wire.api.default import get_candles, get_open_interest\n"
        "from allium_market_data_wire.models import CandleInterval, Interval\n"
        "print(get_candles._get_kwargs('a:b', interval=CandleInterval('1m'))['url'], *Interval)\n"
    )
    assert output(program, cwd=tmp_path / "generated") == "/api/v1/markets/a%3Ab/candles 1m 5m 15m 1h 4h 1d"


def test_a_fetch_imports_one_http_library() -> None:
    program = (
        "import sys, allium_market_data.client.sync_client, allium_market_data.client.transport\n"
        "import allium_market_data_wire.api.default.get_open_interest\n"
        "print(*sorted({'aiohttp', 'httpx', 'requests'} & sys.modules.keys()))"
    )
    assert output(program) == "aiohttp"


def test_the_package_is_generated_where_there_is_none(tmp_path: Path) -> None:
    """A checkout without generated/, or with one that cannot be imported, is mended by the command that makes it."""
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    program = (
        f"import sys; sys.modules['{package.PACKAGE}'] = None\n"
        f"from allium_market_data.cli.codegen import main; sys.exit(main(['generate', '--root', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_tree(tmp_path / project.PACKAGE) == read_tree(ROOT / project.PACKAGE)

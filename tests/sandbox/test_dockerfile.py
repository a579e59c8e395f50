"""The container file of the sandbox: what it copies exists, and what it runs is a command of this version."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from allium_market_data import sandbox
from allium_market_data.cli import main as cli
from allium_market_data.cli import sandbox as command
from allium_market_data.cli.sandbox import Options
from allium_market_data.sandbox import running

ROOT = Path(__file__).parents[2]
FILE = Path(sandbox.__file__).parent / "Dockerfile"


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", FILE.read_text(), re.MULTILINE)


def test_copied_files_are_all_that_the_build_needs() -> None:
    copied = {source for line in instructions("COPY") for source in line.split()[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    project = (ROOT / "pyproject.toml").read_text()
    included = re.search(r"only-include = \[(.*?)\]", project, re.DOTALL)
    assert included is not None
    assert {path.split("/")[0] for path in re.findall(r'"(.+?)"', included[1])} <= copied
    assert {"pyproject.toml", "README.md", "LICENSE"} <= copied


def test_installed_extras_exist() -> None:
    (line,) = instructions("RUN")
    (extras,) = re.findall(r"\[(.+)\]", shlex.split(line)[-1])
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in project for extra in extras.split(","))


def test_command_and_port_of_the_image_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[Options] = []
    monkeypatch.setattr(command, "run", options.append)
    (line,) = instructions("ENTRYPOINT")
    program, *arguments = json.loads(line)
    assert program == "allium-md"
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    assert options == [Options(host="0.0.0.0", port=int(*instructions("EXPOSE")))]


def test_health_check_asks_a_path_that_needs_no_key(sandbox_app: Any) -> None:
    (line,) = instructions("HEALTHCHECK")
    (path,) = re.findall(r"http://127\.0\.0\.1:8000(/\w+)", line)
    with running(sandbox_app) as base_url:
        assert httpx.get(base_url + path).json() == {"status": "ok"}

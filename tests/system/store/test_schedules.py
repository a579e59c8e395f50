"""The examples for schedulers in store/README.md work: the cron line, the Airflow tasks, the systemd units."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import allium_market_data.store
from support.commands import run
from support.exchange import Exchange

README = Path(allium_market_data.store.__file__).with_name("README.md").read_text()


def blocks(language: str, containing: str) -> list[str]:
    """The code blocks in this language that contain a text."""
    return [block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in block]


def check_command(words: list[str], table: Path) -> None:
    """The command is understood: it fails only because there is no table."""
    words[words.index("--table") + 1] = str(table)
    result = run(*words)
    assert result.exit_code == 14, result.output
    assert "is not an open-interest table" in result.stdout


def test_the_cron_line_runs_the_command_with_the_key(tmp_path: Path, exchange: Exchange) -> None:
    (line,) = blocks("cron", "allium-md update")
    schedule, command = re.fullmatch(r"((?:\S+ ){5})(.*)\n", line).groups()  # type: ignore[union-attr]
    assert schedule == "7 * * * * "
    assert "%" not in command, "cron would end the line there"
    called = tmp_path / "bin" / "allium-md"
    called.parent.mkdir()
    called.write_text('#!/bin/sh\necho "$ALLIUM_API_KEY" "$@"\necho log >&2\n')
    called.chmod(0o755)
    (tmp_path / ".allium").write_text("ALLIUM_API_KEY='a key'\n")
    path = f"{called.parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], env={"HOME": str(tmp_path), "PATH": path}, check=True)
    printed = (tmp_path / "oi.jsonl").read_text()
    assert (printed.startswith("a key update --table"), (tmp_path / "oi.log").read_text()) == (True, "log\n")
    check_command(shlex.split(printed.removeprefix("a key ")), tmp_path / "none")


def test_the_airflow_tasks_are_python_and_run_known_commands(tmp_path: Path, exchange: Exchange) -> None:
    (source,) = blocks("python", "airflow")
    texts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)]
    commands = [eval(ast.unparse(text), {"TABLE": "s3://bucket/oi"}) for text in texts]  # noqa: S307 - our own README
    assert [command.split()[1] for command in commands] == ["update", "status"]
    for command in commands:
        check_command(shlex.split(command)[1:], tmp_path / "none")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path, exchange: Exchange) -> None:
    service, timer = blocks("ini", "[Unit]")
    (command,) = re.findall(r"ExecStart=\S+/allium-md (.*)", service)
    check_command(shlex.split(command), tmp_path / "none")
    (tmp_path / "oi.service").write_text(service.replace("/usr/local/bin/allium-md", "/bin/true"))
    (tmp_path / "oi.timer").write_text(timer)
    units = [str(tmp_path / name) for name in ("oi.timer", "oi.service")]
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")

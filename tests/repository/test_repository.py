"""The README, the version and the client agree with the rest of the repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from allium_market_data.codegen import yaml_syntax as syntax
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.version import VERSION
from allium_market_data_wire.contract import SERVER

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
READMES = [
    ROOT / "README.md",
    *(path for name in ("overlay", "spec", "tests") for path in (ROOT / name).rglob("README.md")),
]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = next(line for line in README.splitlines() if line.endswith("nox -s tests") and line.startswith("python3"))
    assert f"{{ {command}; }}" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_readme_exist(path: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_sessions_in_the_readme_exist() -> None:
    sessions = set(re.findall(r"^def ([a-z_]+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    assert set(re.findall(r"nox -s ([a-z_]+)", README)) <= sessions


def test_the_first_day_of_the_readme_is_type_checked() -> None:
    _, _, script = (ROOT / "tests" / "typing" / "first_day.py").read_text().partition("\n\n")
    assert f"```python\n{script}```\n" in README


def test_versions_agree() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert f"## {VERSION} " in (ROOT / "CHANGELOG.md").read_text()


def test_the_client_has_the_server_limit_and_span_of_the_specification() -> None:
    document = syntax.parse((ROOT / "spec" / "openapi.yaml").read_text(), where="spec/openapi.yaml")
    assert [server["url"] for server in document["servers"]] == [SERVER]
    (path,) = document["paths"].values()
    limit = next(parameter for parameter in path["get"]["parameters"] if parameter.get("name") == "limit")
    assert limit["schema"]["maximum"] == OPEN_INTEREST.operation.limit_maximum
    days = re.search(r"capped at \*\*(\d+) days\*\*", (ROOT / "spec" / "upstream" / "get-open-interest.md").read_text())
    assert days is not None
    assert int(days[1]) * 86_400_000_000 == OPEN_INTEREST.operation.window_cap

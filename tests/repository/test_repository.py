"""What the repository promises about itself."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from allium_market_data.client.settings import SERVER
from allium_market_data.codegen import yaml_syntax as syntax
from allium_market_data.model.endpoint import OPEN_INTEREST
from allium_market_data.version import VERSION

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
AGREED = {
    "pyproject.toml",
    "README.md",
    "noxfile.py",
    "spec",
    "generated",
    "overlay",
    "tests",
    "LICENSE",
    "CHANGELOG.md",
}


def tracked() -> list[str]:
    """The files that git knows."""
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_ci_calls_the_test_command_of_the_readme() -> None:
    command = next(line for line in README.splitlines() if line.endswith("nox -s tests") and line.startswith("python3"))
    assert f"{{ {command}; }}" in (ROOT / ".ci" / "run").read_text()


def test_the_top_level_holds_only_what_was_agreed() -> None:
    names = {name.split("/")[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} - AGREED == {"requirements.lock"}


def test_no_file_names_a_registry_s_host_or_a_path_of_somebody_s_machine() -> None:
    forbidden = re.compile(
        "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "/wo" + "rk/main", "/home/" + "[a-z]+/"))
    )
    for name in tracked():
        content = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        assert not forbidden.search(content), name


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_session_that_the_readme_names_exists() -> None:
    sessions = set(re.findall(r"^def ([a-z_]+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    assert set(re.findall(r"nox -s ([a-z_]+)", README)) <= sessions


def test_the_versions_agree() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert f"## {VERSION} " in (ROOT / "CHANGELOG.md").read_text()


def test_the_client_knows_the_server_the_limit_and_the_span_that_the_specification_gives() -> None:
    document = syntax.parse((ROOT / "spec" / "openapi.yaml").read_text(), where="spec/openapi.yaml")
    assert [server["url"] for server in document["servers"]] == [SERVER]
    (path,) = document["paths"].values()
    limit = next(parameter for parameter in path["get"]["parameters"] if parameter.get("name") == "limit")
    assert limit["schema"]["maximum"] == OPEN_INTEREST.limit
    days = re.search(r"capped at \*\*(\d+) days\*\*", (ROOT / "spec" / "upstream" / "get-open-interest.md").read_text())
    assert days is not None
    assert int(days[1]) * 86_400_000_000 == OPEN_INTEREST.span

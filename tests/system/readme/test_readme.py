"""The README as a newcomer follows it: its snippets in order, in an empty folder, with nothing but what it installs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"^```(sh|python)\n(.*?)^```$", README.partition("## What you can rely on")[0], re.M | re.S)
INSTALL, SANDBOX, EXPORT, *USE = SNIPPETS
FIRST_DAY = USE[-1][1]

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}: the README does not install it", name=name)

sys.meta_path.insert(0, Blocked())
"""


def name_of(requirement: str) -> str:
    """The distribution that a requirement names."""
    return re.split(r"[\[>=<;! ]", requirement)[0].lower()


def installed() -> set[str]:
    """The optional distributions that the extras of the install line bring."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r"pip install '\.\[([a-z,]+)\]'", INSTALL[1])
    return {name_of(requirement) for extra in named.split(",") for requirement in extras[extra]}


def not_installed() -> set[str]:
    """The modules of the optional distributions that the install line does not bring."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    others = {name_of(each) for requirements in extras.values() for each in requirements} - installed()
    return {module for module, names in packages_distributions().items() if others & {name.lower() for name in names}}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a shell in which the README's environment is activated: no other extra can be imported."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(BLOCK.format(blocked=sorted(not_installed())))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("ALLIUM_")}
    return {**env, "PATH": path, "PYTHONPATH": str(site), "PYTHONWARNINGS": "error", "MPLBACKEND": "agg"}


@pytest.fixture(scope="module")
def export(newcomer: dict[str, str]) -> Iterator[str]:
    """The README's sandbox on a free port, as the line that sets the variables for another terminal."""
    command = SANDBOX[1].replace("8000", "0").split()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=newcomer) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            yield EXPORT[1].replace("http://127.0.0.1:8000", url)
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()


def as_shell(kind: str, text: str) -> str:
    return text if kind == "sh" else f"python - <<'END'\n{text}END\n"


def test_snippets_run_in_order_with_what_the_readme_installs(
    newcomer: dict[str, str], export: str, tmp_path: Path
) -> None:
    script = "set -eu\n" + export + "".join(as_shell(*snippet) for snippet in USE)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=newcomer, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["btc.csv", "btc.parquet", "first-day.png"]
    assert re.fullmatch(r"btc.csv: \d+ rows\n", done.stderr)
    assert done.stdout.endswith("True\n")
    assert done.stdout.count("FetchProgress(") > 3


def test_the_install_line_misses_no_import_of_the_readme(newcomer: dict[str, str]) -> None:
    """The block works, so a snippet that needed another extra would fail."""
    assert not_installed() >= {"deltalake", "distributed"}
    assert not {"pandas", "polars", "matplotlib", "duckdb", "pyarrow"} & not_installed()
    done = subprocess.run(
        ["python", "-c", "import deltalake"], env=newcomer, capture_output=True, text=True, check=False
    )
    assert "the README does not install it" in done.stderr


def run_notebook(cells: list[str], folder: Path, env: dict[str, str]) -> list[Any]:
    """The outputs of the cells of a notebook, each a list."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, allow_errors=True
    )
    client.execute(env=env)
    return [cell.outputs for cell in notebook.cells]


def test_the_first_day_in_a_notebook(newcomer: dict[str, str], export: str, tmp_path: Path) -> None:
    """Its paragraphs are cells. A series as a cell's value is a table, and a wrong market a short traceback."""
    wrong = 'with MarketData() as client:\n    client.open_interest("hl:perp:NONE", interval="1h", start="-7d")'
    cells = [*FIRST_DAY.split("\n\n"), "btc", wrong]
    variables = dict(word.split("=") for word in export.split()[1:])
    env = {**newcomer, **variables, "PYTHONWARNINGS": "default"}  # those of the kernel are its own
    *outputs, table, failure = run_notebook(cells, tmp_path, env)
    printed = [(output.output_type, output.get("name")) for cell in outputs for output in cell]
    assert set(printed) == {("stream", "stdout")}
    assert outputs[-1][0].text == "True\n"
    assert "<table" in table[0].data["text/html"]
    (error,) = failure
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    assert (error.ename, "Market not found: hl:perp:NONE" in error.evalue) == ("NotFoundError", True)
    assert len(text.splitlines()) < 35
    assert "site-packages" not in text.replace("site-packages/allium_market_data", "")

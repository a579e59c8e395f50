"""The project's chores. `nox -l` lists them; uv is used where it is present."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = []

PYPROJECT = nox.project.load_toml("pyproject.toml")


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project as it stands, and dependency groups of pyproject.toml."""
    wanted = [item for group in groups for item in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("--editable", ".", *wanted)


@nox.session
def update_spec(session: nox.Session) -> None:
    """Read the pages in spec/upstream and make all that follows from them; `-- --from FILE-OR-URL`, `-- --dry-run`."""
    _install(session, "spec")
    session.run("python", "-m", "allium_market_data.upstream", "update", *session.posargs)


@nox.session
def generate(session: nox.Session) -> None:
    """Make generated/ anew from spec/; `-- --check` only says what differs, and fails if anything does."""
    _install(session, "spec")
    session.run("python", "-m", "allium_market_data.upstream", "generate", *session.posargs)

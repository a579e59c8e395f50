"""The project's tasks: `nox -l` lists them. uv is used where it is installed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import nox
import nox.command

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
LOCK = "requirements.lock"
PRISM = "@stoplight/prism-cli@5"
PYTHON = ("overlay", "tests", "noxfile.py", ".github/scripts")
WORKERS = ("-n", "2", "--dist", "loadgroup")
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""The tests start many Python processes, which would compile every module again without bytecode files."""
LIBRARY = [f"tests/{name}" for name in ("model", "client", "series", "formats", "store", "sandbox", "codegen", "cli")]


def _install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the project, editable, and dependency groups of pyproject.toml, in the versions of the lock file."""
    wanted = [item for group in groups for item in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("--editable", f".{extras}", *wanted, "--constraint", LOCK)


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, the generated package, and every test that needs no other process; `-- ARG...` goes to pytest."""
    _install(session, "dev", extras="[all]")
    _lint(session)
    _types(session)
    session.run("python", "-m", "allium_market_data.cli.codegen", "generate", "--check")
    _pytest(session, "--ignore=tests/system")


@nox.session
def tests_system(session: nox.Session) -> None:
    """The tests that start processes: kills, clusters, terminals, browsers, faults over sockets; `-- ARG...` to pytest."""
    _install(session, "dev", extras="[all]")
    _pytest(session, "tests/system")


@nox.session
def endurance(session: nox.Session) -> None:
    """Both groups of tests, again and again, half of the runs beside busy processes: `-- --runs N --busy N`."""
    _install(session, "dev", extras="[all]")
    session.run("python", "tests/support/endurance.py", *session.posargs, env=KEEP_BYTECODE)


@nox.session
def coverage(session: nox.Session) -> None:
    """Line and branch coverage of the library by both groups of tests; fails under 95 %."""
    _install(session, "dev", extras="[all]")
    _pytest(session, "--cov", "--cov-report=term", "--cov-fail-under=95")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and the layers of the packages."""
    _install(session, "lint")
    _lint(session)


@nox.session
def types(session: nox.Session) -> None:
    """The types of the library, its tests and this file, strictly."""
    _install(session, "dev", extras="[all]")
    _types(session)


def _lint(session: nox.Session) -> None:
    session.run("ruff", "check", "--quiet", *PYTHON)
    session.run("ruff", "format", "--check", "--quiet", *PYTHON)
    session.run("lint-imports", "--no-logo", "--no-cache")


def _types(session: nox.Session) -> None:
    session.run("mypy")


def _pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest on two workers."""
    session.run("pytest", *WORKERS, *arguments, *session.posargs, env=KEEP_BYTECODE)


@nox.session
def demo(session: nox.Session) -> None:
    """A demo without access to Allium: real rows from the sandbox to Parquet files and a chart."""
    _install(session, "demo", extras="[arrow,sandbox]")
    session.run("python", "-m", "allium_market_data.cli.demo", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """The conformance suite: `-- --target sandbox|cassette|live --base-url U ...`; status 0, 1, 4 or 6 (not shown)."""
    _install(session, "test", extras="[sandbox]")
    with _own_status():
        session.run("pytest", "tests/conformance", *session.posargs)


@nox.session
def mocks(session: nox.Session) -> None:
    """The conformance suite against a mock that Prism makes of the document; needs node and npm, which it installs by."""
    _install(session, "test", extras="[sandbox]")
    folder = session.create_tmp()
    session.run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PRISM, external=True)
    known = "--expected-failures=tests/conformance/prism.expected-failures.toml"
    suite = ("pytest", "tests/conformance", "--target=live", "--non-perp-market=hl:spot:HYPE-USDC", "--allow-not-shown")
    prism = os.path.join(folder, "node_modules", ".bin", "prism")  # noqa: PTH118 - nox takes text
    session.run("python", "tests/conformance/with_mock.py", prism, *suite, known, *session.posargs)


@nox.session
def record(session: nox.Session) -> None:
    """Record the conformance suite's traffic as cassettes: `-- --target sandbox|live ...`."""
    _install(session, "test", extras="[sandbox]")
    session.run("pytest", "tests/conformance", "--record", *session.posargs)


@nox.session
def kill_matrix(session: nox.Session) -> None:
    """The conformance suite against every mutant, reading and style of the sandbox; writes the table as Markdown."""
    _install(session, "test", "rival", extras="[sandbox]")
    whole = ("--readings", "--styles", "--schemathesis", "--output", "tests/conformance/KILL_MATRIX.md")
    session.run("python", "tests/conformance/kill_matrix.py", *(session.posargs or whole))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Coverage-guided fuzzing of everything that parses foreign bytes: `-- --seconds N --target NAME --keep`."""
    _install(session, "test", "fuzz", extras="[sandbox,drift]")
    session.run("python", "-m", "fuzz.run", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def crashes(session: nox.Session) -> None:
    """Kill backfills at random instants, 50 times, and compare every table with an undisturbed one: `-- --kills N`."""
    _install(session, extras="[sandbox,store]")
    session.run("python", "tests/benchmarks/crashes.py", *session.posargs)


@nox.session
def update_spec(session: nox.Session) -> None:
    """Update spec/ and generated/ from the pages in spec/upstream: `-- --from FILE-OR-URL`, `-- --dry-run`."""
    _install(session, "spec", extras="[drift]")
    session.run("python", "-m", "allium_market_data.cli.codegen", "update", *session.posargs)


@nox.session
def drift(session: nox.Session) -> None:
    """What changed upstream and what it breaks: `-- --upstream FILE-OR-URL --report-dir DIR`; its exit status."""
    _install(session, "test", extras="[drift,sandbox]")
    with _own_status():
        session.run("allium-md", "drift", *session.posargs)


@contextlib.contextmanager
def _own_status() -> Iterator[None]:
    """Exit with the status of a command that fails: nox itself exits with 0 or 1 only."""
    try:
        yield
    except nox.command.CommandFailed as failed:
        raise SystemExit(int(str(failed.reason).rpartition(" ")[2])) from None


@nox.session
def workflows(session: nox.Session) -> None:
    """Lint the workflows of .github with zizmor and with jactionlint, a packaged actionlint."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "workflows"))
    session.run("zizmor", "--offline", "--persona=pedantic", "--min-severity=low", ".github/workflows")
    session.run("jactionlint", "--strict-exit")  # runs shellcheck over the scripts


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of the versions in the lock file, from the advisory database."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "audit"))
    session.run("pip-audit", "--requirement", LOCK, "--disable-pip", "--no-deps", "--strict", *session.posargs)


@nox.session
def generate(session: nox.Session) -> None:
    """Regenerate generated/ from spec/; `-- --check` only reports differences and fails if there are any."""
    _install(session, "spec")
    session.run("python", "-m", "allium_market_data.cli.codegen", "generate", *session.posargs)


@nox.session(venv_backend="uv")
def bench(session: nox.Session) -> None:
    """Speed, as ratios in one run, against a peer in an environment of its own; writes tests/benchmarks/RESULTS.md."""
    _install(session, "bench", extras="[all]")
    rival = os.path.join(session.create_tmp(), "rival")  # noqa: PTH118 - nox takes text
    session.run("uv", "venv", "--quiet", "--clear", rival, external=True)
    session.run(
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        rival,
        "coinmetrics-api-client",
        "pandas",
        "polars",
        external=True,
    )
    run = ("tests/benchmarks/run.py", "--rival", f"{rival}/bin/python")
    session.run("python", *run, *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def bench_cluster(session: nox.Session) -> None:
    """A backfill on 1, 2 and 4 workers, in rows per second and bytes per row; writes tests/benchmarks/CLUSTER.md."""
    _install(session, extras="[sandbox,dask]")
    session.run("python", "tests/benchmarks/cluster.py", *session.posargs)


@nox.session
def bench_table(session: nox.Session) -> None:
    """Ticks of ``watch`` and hourly updates as a table grows, on a disk and in S3; writes tests/benchmarks/TABLE.md."""
    _install(session, "test", extras="[sandbox,store]")
    session.run("python", "tests/benchmarks/table.py", *session.posargs)


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The tests with the oldest versions that pyproject.toml allows."""
    wanted = [item for group in ("spec", "test") for item in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("--resolution", "lowest-direct", "--editable", ".[all]", *wanted)
    _pytest(session, *LIBRARY)


@nox.session(venv_backend="uv")
def wheel(session: nox.Session) -> None:
    """The built wheel without the source: it installs, the command runs, and so do the demo and the drift check: `-- WHEEL`."""
    folder = session.create_tmp()
    if session.posargs:
        built = os.path.abspath(session.posargs[0])  # noqa: PTH100 - nox takes text
    else:
        session.install("build[uv]")
        session.run("python", "-m", "build", "--installer=uv", "--wheel", "--outdir", folder)
        wheels = [entry for entry in os.scandir(folder) if entry.name.endswith(".whl")]
        built = max(wheels, key=lambda wheel: wheel.stat().st_mtime).path
    session.install("--reinstall", f"{built}[all,drift]", "matplotlib", "--constraint", LOCK)
    session.chdir(folder)
    session.run("allium-md", "--version")
    session.run("python", "-m", "allium_market_data.cli.demo", "--output", "demo")
    page = os.path.join(session.invoked_from, "spec", "upstream", "get-open-interest.md")  # noqa: PTH118
    session.run("allium-md", "drift", "--upstream", page, "--report-dir", "drift")


@nox.session(venv_backend="uv")
def lock(session: nox.Session) -> None:
    """Write the newest versions that fit together to the lock file."""
    session.install("uv")
    session.run(
        *("uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--upgrade"),
        *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command=nox -s lock"),
        *("pyproject.toml", "--all-extras", "--group=dev", "--group=demo", "--group=fuzz", f"--output-file={LOCK}"),
    )

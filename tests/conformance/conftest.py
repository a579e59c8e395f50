"""The suite's options, fixtures and final report. `target` says what the options mean."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from allium_market_data.model.intervals import INTERVALS
from conformance import cassettes, observations, xfails
from conformance import target as targets
from conformance.account import Account, Tally
from conformance.answers import Answer, UnreadableError, unknown_fields
from conformance.ask import Asker
from conformance.chance import Chance
from conformance.document import Checker, Clauses, Document
from conformance.history import History
from conformance.observations import Profile
from conformance.target import Options, OptionsError, Target

HERE: Final = Path(__file__).parent
ACCOUNT = pytest.StashKey[Account]()
PROFILE = pytest.StashKey[Profile]()
OPTIONS = pytest.StashKey[Options]()
TARGET = pytest.StashKey[Target]()
# What is asked by others is looked at last.
_LAST: Final = ("test_buckets", "test_text", "test_shape", "test_open_questions", "test_clauses", "test_cassettes")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "the conformance suite")
    add = group.addoption
    add("--target", dest="conformance_target", choices=["sandbox", "cassette", "live"], default="sandbox")
    add("--base-url", dest="conformance_base_url", help="with --target live: the server; default: the specification's")
    add("--api-key", dest="conformance_api_key", help=f"default: {targets.KEY_VARIABLE} of the environment")
    add("--market", dest="conformance_market", help="a perpetual with data around --around")
    add("--non-perp-market", dest="conformance_non_perp_market", help="a market that exists and is no perpetual")
    add("--around", dest="conformance_around", help="a past instant with 30 days of history before and 14 after")
    add("--reading", dest="conformance_readings", action="append", default=[], help="of the sandbox; repeatable")
    add(
        "--mutant",
        dest="conformance_mutants",
        action="append",
        default=[],
        help="a contract violation of mutants/; repeatable",
    )
    add("--cassette", dest="conformance_cassette", default="sandbox", help="which one --target cassette replays")
    add("--profile-out", dest="conformance_profile_out", type=Path, help="where to write what was observed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(*ids): the clauses of spec/clauses.toml that a test is about")
    config.addinivalue_line("markers", "open_question(id): the open question that a test answers")
    options = _options(config)
    config.stash[OPTIONS] = options
    config.stash[ACCOUNT] = Account()
    config.stash[PROFILE] = Profile()
    try:
        config.stash[TARGET] = targets.chosen(options, Document.load(), dt.datetime.now(dt.UTC))
    except OptionsError as error:
        raise pytest.UsageError(str(error)) from None
    workers = getattr(config.option, "numprocesses", None) or 0
    if workers > 1 and (options.target == "live" or options.record):
        raise pytest.UsageError("a live or recorded run has one budget of requests, and so one process: leave out -n")


def _options(config: pytest.Config) -> Options:
    """The options; where only the root of the project was named, this file came too late to offer any."""
    given = {
        name.removeprefix("conformance_"): value
        for name, value in vars(config.option).items()
        if name.startswith("conformance_") and value is not None
    }
    given |= {name: tuple(given[name]) for name in ("readings", "mutants") if name in given}
    # An option of tests/conftest.py: whatever is recorded, this is how it is asked for.
    given["record"] = config.getoption("record", default=False)
    seed = config.getoption("--hypothesis-seed", default=None)
    if seed == "random":
        seed = secrets.randbelow(2**32)
    return Options(**given, seed=int(seed) if seed is not None else 0)


def pytest_report_header(config: pytest.Config) -> list[str]:
    options = config.stash[OPTIONS]
    changed = ", ".join([*options.readings, *options.mutants])
    return [f"conformance: {options.target}{f' ({changed})' if changed else ''}, seed {options.seed}"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The kill matrix runs this suite; a run that it started, or one against a server, must not start it again.

    And a run that records anew is not held up by what it is about to replace.
    """
    options = config.stash[OPTIONS]
    if collection_path.name == "test_recordings.py" and options.record:
        return True
    is_about_the_suite = collection_path.name.startswith("test_kill_matrix") or collection_path == HERE / "internals"
    if is_about_the_suite and not (options.target == "sandbox" and options.plain):
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group("conformance"))
        for expected in xfails.load(config.stash[TARGET].name):
            if expected.matches(item.nodeid):
                reason = f"{expected.reason} (since {expected.date})"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    ours.sort(key=lambda item: _LAST.index(item.path.stem) + 1 if item.path.stem in _LAST else 0)
    queue = iter(ours)
    items[:] = [next(queue) if HERE in item.path.parents else item for item in items]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and not report.skipped:
        item.config.stash[ACCOUNT].clauses |= {id for mark in item.iter_markers("clause") for id in mark.args}
    return report


@pytest.fixture(scope="session", autouse=True)
def _network(request: pytest.FixtureRequest) -> None:
    """No test of this project leaves the machine, but for a run against a live server, which is what was asked for."""
    if request.config.stash[OPTIONS].target != "live":
        request.getfixturevalue("_network")


@pytest.fixture(scope="session")
def document() -> Document:
    return Document.load()


@pytest.fixture(scope="session")
def clauses() -> Clauses:
    return Clauses.load()


@pytest.fixture(scope="session")
def checker(document: Document) -> Checker:
    return Checker(document)


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest, document: Document) -> Iterator[targets.Opened]:
    config = request.config
    with targets.opened(config.stash[OPTIONS], config.stash[TARGET], document) as opened:
        yield opened
        _count(config.stash[ACCOUNT], opened.asker)


def _count(account: Account, asker: Asker) -> None:
    account.requests = asker.requests
    account.refusals = sum(400 <= reply.status < 500 for _, reply in asker.replies)
    account.count(asker.answers)
    try:
        beside, inside = unknown_fields(asker.answers)
    except UnreadableError:
        return
    account.unknown_fields = {f"{name} (beside items)" for name in beside} | {f"{name} (in an item)" for name in inside}


@pytest.fixture(scope="session")
def target(opened: targets.Opened) -> Target:
    return opened.target


@pytest.fixture(scope="session")
def asker(opened: targets.Opened) -> Asker:
    return opened.asker


@pytest.fixture(scope="session")
def chance(opened: targets.Opened) -> Chance:
    return opened.chance


@pytest.fixture(scope="session")
def history(asker: Asker, target: Target) -> History:
    return History(asker, target.around)


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> Profile:
    return request.config.stash[PROFILE]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return Tally(request.node.name)


@pytest.fixture
def answers(asker: Asker, history: History) -> list[Answer]:
    """Every answer of this run so far, those to the seven days at every interval at least."""
    for interval in INTERVALS:
        # Where that fails, the tests of intervals and windows say so; the answers that came are looked at all the same.
        with suppress(AssertionError):
            history.answers(interval)
    return asker.answers


# --- The end of a run: sums, and what was observed ---


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands what it has to whoever started it; the rest is done there."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["conformance_account"] = session.config.stash[ACCOUNT].to_plain()
        output["conformance_profile"] = session.config.stash[PROFILE].sections


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    if "conformance_account" in output:
        node.config.stash[ACCOUNT].add(Account.from_plain(output["conformance_account"]))
        node.config.stash[PROFILE].add(Profile(output["conformance_profile"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    account, observed, options = config.stash[ACCOUNT], config.stash[PROFILE], config.stash[OPTIONS]
    if not account.requests:
        return
    terminalreporter.section(f"conformance: {options.target}, seed {options.seed}")
    for line in account.lines(len(Clauses.load().clauses)):
        terminalreporter.write_line(line)
    name = "sandbox" if options.target == "sandbox" else _recorded_from(options)
    changes = _drift(observed, name) if options.plain else []
    if changes:
        terminalreporter.section("behaviour drift (legal, and different from what is on record)", "-")
        for change in changes:
            terminalreporter.write_line(change)
    if options.profile_out:
        text = observed.to_toml(name, Document.load().digest, changes)
        options.profile_out.write_text(text, encoding="utf-8")
        terminalreporter.write_line(f"observed behaviour written to {options.profile_out}")


def _recorded_from(options: Options) -> str:
    return options.target if options.target == "live" else cassettes.read(cassettes.path_of(options.cassette))[0].source


def _drift(observed: Profile, target: str) -> list[str]:
    committed = observations.committed(target)
    if committed is None:
        return (
            [f"spec/observed.{target}.toml is not there yet: write it with --profile-out"] if observed.sections else []
        )
    return observed.drift(committed)

"""The fixtures and the final report of the suite. `command_line` has the options, `target` interprets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from allium_market_data.client.api_key import ApiKey
from allium_market_data_wire.contract import DecimalField
from conformance import command_line, expected_failures, observations
from conformance import target as targets
from conformance.clauses import Clauses
from conformance.document import BodyValidator, Document
from conformance.observations import Profile
from conformance.outcomes import EXIT_NOT_SHOWN, PROPERTY, UndecidedError
from conformance.random_examples import RandomExamples
from conformance.reference_week import ReferenceWeek, scout
from conformance.requester import Requester
from conformance.response import Page, UnreadableError, unknown_fields
from conformance.run_summary import RunSummary
from conformance.sample_size import SampleSize
from conformance.target import Options, OptionsError, Target

HERE: Final = Path(__file__).parent
SUMMARY = pytest.StashKey[RunSummary]()
PROFILE = pytest.StashKey[Profile]()
OPTIONS = pytest.StashKey[Options]()
TARGET = pytest.StashKey[Target]()
# These look at the responses to the requests of all other modules, so they run last.
_LAST: Final = ("test_labels", "test_formats", "test_schema", "test_open_questions", "test_clauses")


def pytest_addoption(parser: pytest.Parser) -> None:
    command_line.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(*ids): the clauses of spec/clauses.toml that a test checks")
    config.addinivalue_line("markers", "open_question(id): the open question of spec/clauses.toml that a test answers")
    config.stash[SUMMARY] = RunSummary()
    config.stash[PROFILE] = Profile()
    try:
        options = config.stash[OPTIONS] = command_line.read_options(config)
        config.stash[TARGET] = targets.resolve(options, _document(options), dt.datetime.now(dt.UTC))
    except OptionsError as error:
        raise pytest.UsageError(str(error)) from None
    workers = getattr(config.option, "numprocesses", None) or 0
    if workers > 1 and (options.target == "live" or options.record):
        raise pytest.UsageError("a live or recorded run has one request budget: leave out -n")


def pytest_report_header(config: pytest.Config) -> list[str]:
    options = config.stash[OPTIONS]
    changes = ", ".join([*options.readings, *options.mutants, *filter(None, [options.style])])
    return [f"conformance: {options.target}{f' ({changes})' if changes else ''}, seed {options.seed}"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the suite's own tests, old recordings among them, when the suite alone is run against a target."""
    options = config.stash[OPTIONS]
    is_plain = options.target == "sandbox" and options.is_plain and not options.record
    named = {(config.invocation_params.dir / name.partition("::")[0]).resolve() for name in config.args}
    internals = HERE / "internals"
    suite_alone = HERE in named and not any(internals in (path, *path.parents) for path in named)
    return True if collection_path == internals and (suite_alone or not is_plain) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    suite = [item for item in items if HERE in item.path.parents]
    known = expected_failures.load(config.stash[TARGET].name, config.stash[OPTIONS].expected_failures)
    for item in suite:
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group("conformance"))
        item.user_properties += [("clause", id) for id in _clauses(item)]  # in a JUnit file
        for failure in known:
            if failure.matches(item.nodeid):
                reason = f"{failure.reason} (since {failure.date})"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    suite.sort(key=lambda item: _LAST.index(item.path.stem) + 1 if item.path.stem in _LAST else 0)
    queue = iter(suite)
    items[:] = [next(queue) if HERE in item.path.parents else item for item in items]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise by what the contract says, for the arguments with these names."""
    if HERE not in metafunc.definition.path.parents or HERE / "internals" in metafunc.definition.path.parents:
        return
    contract = metafunc.config.stash[OPTIONS].contract
    cases = command_line.cases(contract)
    for name in cases.keys() & set(metafunc.fixturenames):
        none = pytest.param(None, marks=pytest.mark.skip(reason=f"the operation has no case of {name}"))
        metafunc.parametrize(name, cases[name] or [none], ids=_case_id)


def _case_id(case: object) -> str:
    if isinstance(case, tuple):
        return "-".join(case)
    return case.name if isinstance(case, DecimalField) else str(case)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if HERE not in item.path.parents:
        return report
    summary, key = item.config.stash[SUMMARY], ApiKey(item.config.stash[TARGET].api_key)
    name = item.nodeid.rpartition("/")[2]
    if call.excinfo is not None and isinstance(call.excinfo.value, UndecidedError):
        outcome, reason = call.excinfo.value.outcome, str(call.excinfo.value)
        report.longrepr = (str(item.path), item.location[1] or 0, f"{outcome}: {reason}")
        report.user_properties.append((PROPERTY, outcome))
        summary.undecided[f"{outcome} {name}"] = key.redact(reason)
        summary.is_incomplete |= not call.excinfo.value.is_choice
    elif report.when == "call" and report.passed:
        summary.clauses |= set(_clauses(item))
    elif report.failed:
        quotes = Clauses.load().clauses
        lines = [f"{id}: {quotes[id].quote.strip()}" for id in _clauses(item) if id in quotes]
        report.sections.append(("what the specification says (spec/clauses.toml)", "\n".join(lines)))
    _redact(report, key)
    return report


def _clauses(item: pytest.Item) -> list[str]:
    return [id for mark in item.iter_markers("clause") for id in mark.args]


def _redact(report: pytest.TestReport, key: ApiKey) -> None:
    """Remove the key from all that is printed, which quotes what the server sent."""
    report.sections = [(name, key.redact(text)) for name, text in report.sections]
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = (path, line, key.redact(reason))
    elif report.longrepr is not None and (printed := str(report.longrepr)) != (redacted := key.redact(printed)):
        report.longrepr = redacted


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    outcome = dict(report.user_properties).get(PROPERTY) if report.skipped else None
    return (str(outcome), "n", str(outcome).upper()) if outcome else None


@pytest.fixture(scope="session", autouse=True)
def _network(request: pytest.FixtureRequest) -> None:
    """Block the network as in all other tests, except for a run against a live server."""
    if request.config.stash[OPTIONS].target != "live":
        request.getfixturevalue("_network")


def _document(options: Options) -> Document:
    return Document.load(options.contract, options.document)


@pytest.fixture(scope="session")
def document(request: pytest.FixtureRequest) -> Document:
    return _document(request.config.stash[OPTIONS])


@pytest.fixture(scope="session")
def validator(request: pytest.FixtureRequest, document: Document) -> BodyValidator:
    return BodyValidator(document, request.config.stash[OPTIONS].contract.items_field)


@pytest.fixture(scope="session")
def open_target(request: pytest.FixtureRequest, document: Document) -> Iterator[targets.OpenTarget]:
    config = request.config
    with targets.open_target(config.stash[OPTIONS], config.stash[TARGET], document) as open_target:
        yield open_target
        _summarize(config.stash[SUMMARY], open_target.requester)


def _summarize(summary: RunSummary, requester: Requester) -> None:
    summary.requests = requester.request_count
    summary.troubles, summary.retries = dict(requester.troubles), requester.retries
    summary.waits, summary.waited = sum(requester.waits.values()), round(requester.waited)
    summary.errors = sum(400 <= response.status < 500 for response in requester.responses)
    summary.count(requester.pages)
    with suppress(UnreadableError):
        beside_items, in_items = unknown_fields(requester.pages)
        summary.unknown_fields = {f"{name} (beside items)" for name in beside_items}
        summary.unknown_fields |= {f"{name} (in an item)" for name in in_items}


@pytest.fixture(scope="session")
def target(open_target: targets.OpenTarget) -> Target:
    return open_target.target


@pytest.fixture(scope="session")
def requester(open_target: targets.OpenTarget) -> Requester:
    return open_target.requester


@pytest.fixture(scope="session")
def random_examples(open_target: targets.OpenTarget) -> RandomExamples:
    return open_target.random_examples


@pytest.fixture(scope="session")
def week(requester: Requester, target: Target) -> ReferenceWeek:
    return scout(requester, target.around)


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> Profile:
    return request.config.stash[PROFILE]


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> SampleSize:
    return SampleSize(request.node.name)


@pytest.fixture
def pages(requester: Requester, week: ReferenceWeek) -> list[Page]:
    """Every page of this run so far, at least those of the reference week at each interval."""
    for interval in week.intervals:
        # If a request fails, the tests of intervals and windows report it; the pages that did come are still checked.
        with suppress(AssertionError, UndecidedError):
            week.pages(interval)
    return requester.pages


# --- The end of a run: totals and observed behaviour ---


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist sends its results to the main process, which chooses the exit status."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["conformance_summary"] = session.config.stash[SUMMARY].to_plain()
        output["conformance_profile"] = session.config.stash[PROFILE].sections
        return
    is_accepted = session.config.stash[OPTIONS].allow_not_shown
    if session.exitstatus == pytest.ExitCode.OK and session.config.stash[SUMMARY].is_incomplete and not is_accepted:
        session.exitstatus = EXIT_NOT_SHOWN


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    if "conformance_summary" in output:
        node.config.stash[SUMMARY].add(RunSummary.from_plain(output["conformance_summary"]))
        node.config.stash[PROFILE].add(Profile(output["conformance_profile"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    summary, observed, options = config.stash[SUMMARY], config.stash[PROFILE], config.stash[OPTIONS]
    if not summary.requests:
        return
    terminalreporter.section(f"conformance: {options.target}, seed {options.seed}")
    for line in summary.lines(Clauses.load().clauses):
        terminalreporter.write_line(line)
    name = config.stash[TARGET].name
    changes = _changes(observed, name) if options.is_plain else []
    if changes:
        terminalreporter.section("behaviour drift: legal, but different from the committed profile", "-")
        for change in changes:
            terminalreporter.write_line(change)
    if options.profile_out:
        text = ApiKey(config.stash[TARGET].api_key).redact(observed.to_toml(name, _document(options).digest, changes))
        options.profile_out.write_text(text, encoding="utf-8")
        terminalreporter.write_line(f"observed behaviour written to {options.profile_out}")


def _changes(observed: Profile, target: str) -> list[str]:
    committed = observations.committed(target)
    if committed is not None:
        return observed.changes_from(committed)
    if observed.sections:
        return [f"spec/observed.{target}.toml does not exist yet: write it with --profile-out"]
    return []

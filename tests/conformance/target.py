"""What the suite runs against: its own sandbox, a live server, or a recording."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.settings import check_settings
from allium_market_data.errors import UsageError
from allium_market_data.model.intervals import DAY, floor
from allium_market_data_wire.contract import KEY_HEADER, OPEN_INTEREST, SERVER, Operation

from . import cassettes, times
from .clock import Clock, VirtualClock
from .document import DOCUMENT, ROOT, Document
from .random_examples import RandomExamples
from .request import Server
from .requester import TIMEOUT, Requester

if TYPE_CHECKING:
    from fastapi import FastAPI

TargetName = Literal["sandbox", "cassette", "live"]
EXAMPLE_AROUND: Final = "2026-05-01T00:00:00Z"
SANDBOX_NON_PERP: Final = "hl:spot:HYPE-USDC"
SANDBOX_URL: Final = "http://sandbox.invalid"
SANDBOX_OTHER: Final = "hl:perp:ETH-USDC"
YOUNGEST: Final = 5 * DAY
"""How long ago --around must be at least, so that the seven days around it are over."""
OTHER_PLACES: Final = (30 * DAY, 8 * DAY)
"""How long ago to look for data if there is none around the example of the document."""
KEY_VARIABLE: Final = "ALLIUM_API_KEY"


class OptionsError(Exception):
    """Command line options that contradict each other or are incomplete."""


@dataclass(frozen=True)
class Options:
    """The command line options; None where an option was not given."""

    target: TargetName = "sandbox"
    contract: Operation = OPEN_INTEREST
    document: Path = DOCUMENT
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    market: str | None = None
    non_perp_market: str | None = None
    other_market: str | None = None
    around: str | None = None
    rate: float | None = None
    allow_not_shown: bool = False
    readings: tuple[str, ...] = ()
    mutants: tuple[str, ...] = ()
    style: str | None = None
    cassette: str = "sandbox"
    record: bool = False
    expected_failures: Path | None = None
    profile_out: Path | None = None
    seed: int = 0

    @property
    def is_plain(self) -> bool:
        """True if the sandbox has its usual behaviour, which is the one on record."""
        return not (self.readings or self.mutants or self.style)


@dataclass(frozen=True)
class Target:
    """The server, markets and times that a run is about. Instants are microseconds since 1970."""

    name: str
    """``sandbox`` or ``live``. For a recording: what was recorded."""
    base_url: str
    api_key: str = field(repr=False)
    market: str
    market_is_given: bool
    """True if the market is not the example of the document."""
    non_perp_market: str | None
    other_market: str | None
    around: tuple[int, ...]
    """Where to look for data: the first instant with rows around it counts."""
    now: int


@dataclass(frozen=True)
class OpenTarget:
    """A target that is ready for requests."""

    target: Target
    requester: Requester
    random_examples: RandomExamples


def resolve(options: Options, document: Document, now: dt.datetime) -> Target:
    """The target that the options describe. Raises `OptionsError`; sends no request."""
    _check_specification(options, document)
    if options.target != "sandbox" and not options.is_plain:
        raise OptionsError("--reading, --mutant and --style change the suite's own sandbox; they need --target sandbox")
    if options.target != "live" and options.base_url is not None:
        raise OptionsError("--base-url is the address of a server; it needs --target live")
    if options.target == "cassette":
        return _recorded_target(options)
    instant = (now - times.EPOCH) // dt.timedelta(microseconds=1)
    around = (_parse_around(options.around or EXAMPLE_AROUND, instant),)
    place = Target(
        name=options.target,
        base_url=SANDBOX_URL,
        api_key=options.api_key or "sandbox-key",
        market=options.market or str(document.parameters[options.contract.market_parameter]["example"]),
        market_is_given=options.market is not None,
        non_perp_market=options.non_perp_market,
        other_market=options.other_market,
        around=around if options.around else (*around, *(floor(instant - ago, DAY) for ago in OTHER_PLACES)),
        now=instant,
    )
    if options.target == "sandbox":
        _check_names(options)
        return replace(
            place,
            non_perp_market=options.non_perp_market or SANDBOX_NON_PERP,
            other_market=options.other_market or SANDBOX_OTHER,
        )
    key = options.api_key or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise OptionsError(f"--target live needs an API key: pass --api-key or set {KEY_VARIABLE}")
    base_url = options.base_url or SERVER
    try:
        check_settings(ApiKey(key), base_url, TIMEOUT, 1, None, None, allow_insecure=False)
    except UsageError as error:
        raise OptionsError(f"--base-url: {error}") from None
    return replace(place, base_url=base_url, api_key=key)


def _check_specification(options: Options, document: Document) -> None:
    from .specification import contract_misfits, misfits

    is_published = options.contract == OPEN_INTEREST and options.document == DOCUMENT
    found = list(
        misfits(ROOT, document, options.contract) if is_published else contract_misfits(document, options.contract)
    )
    if found:
        raise OptionsError("the specification does not fit itself, so nothing is tested:\n  " + "\n  ".join(found))


def _check_names(options: Options) -> None:
    """Reject unknown readings, mutants and styles. A misspelt mutant must not look like one that was killed."""
    from allium_market_data.errors import SandboxError
    from allium_market_data.sandbox import reading_named

    from .mutants import chosen

    try:
        reading_named(options.readings)
        chosen(options.mutants, options.style)
    except SandboxError as error:
        raise OptionsError(str(error)) from None


def _recorded_target(options: Options) -> Target:
    if options.record:
        raise OptionsError("a recording cannot be recorded: --record needs --target sandbox or live")
    path = cassettes.path_of(options.cassette)
    if not path.is_file():
        raise OptionsError(f"there is no cassette {options.cassette!r} in {cassettes.FOLDER.name}")
    header, _ = cassettes.read(path)
    recorded = header.target | {"around": tuple(header.target["around"])}
    return Target(**recorded, api_key=cassettes.VALID_KEY)


def _parse_around(text: str, now: int) -> int:
    try:
        around = times.parse(text)
    except ValueError as error:
        raise OptionsError(f"--around: {error}") from None
    if around > now - YOUNGEST:
        raise OptionsError(f"--around must be at least five days ago, so that all its buckets are closed; got {text}")
    return around


@contextmanager
def open_target(options: Options, target: Target, document: Document) -> Iterator[OpenTarget]:
    """Connect to the target until the end of the block."""
    with ExitStack() as stack:
        random_examples = RandomExamples(options.seed)
        transport: httpx.BaseTransport | None = None
        clock = Clock()
        # Proxies of the environment are for live servers only.
        settings: dict[str, Any] = {"timeout": TIMEOUT, "trust_env": options.target == "live"}
        concurrent: dict[str, Any] = dict(settings)
        if options.target == "cassette":
            path = cassettes.path_of(options.cassette)
            random_examples = RandomExamples(recorded=cassettes.read(path)[0].drawn)
            stack.enter_context(cassettes.replaying(path, KEY_HEADER))
        elif options.target == "sandbox":
            clock = VirtualClock()
            app = stack.enter_context(_sandbox_app(options, target.api_key, clock))
            if options.record:  # vcrpy records what goes through a socket
                from allium_market_data.sandbox import running

                target = replace(target, base_url=stack.enter_context(running(app)))
            else:
                transport = AsgiTransport(app)
                concurrent["transport"] = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = stack.enter_context(httpx.Client(**settings, transport=transport))
        if options.record:
            path, header = cassettes.path_of(target.name), _cassette_header(target, document, random_examples)
            stack.enter_context(cassettes.recording(path, header, KEY_HEADER, target.api_key))
        server = Server(target.base_url, target.market, options.contract, KEY_HEADER, target.api_key)
        requester = Requester(server, client, clock, options.rate, lambda: httpx.AsyncClient(**concurrent))
        yield OpenTarget(target, requester, random_examples)


def _cassette_header(target: Target, document: Document, random_examples: RandomExamples) -> cassettes.Header:
    # The port of a sandbox is random, and nothing listens there when the cassette is replayed.
    recorded = asdict(target if target.name == "live" else replace(target, base_url=SANDBOX_URL))
    del recorded["api_key"]
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return cassettes.Header(target.name, today, document.digest, recorded, random_examples.drawn)


@contextmanager
def _sandbox_app(options: Options, api_key: str, clock: Clock) -> Iterator[FastAPI]:
    # Imported here because a run against a server needs neither FastAPI nor DuckDB.
    from allium_market_data.sandbox import Samples, reading_named

    from .mutants import chosen, mutant_app

    with Samples.open(operation=options.contract) as samples:
        mutants = chosen(options.mutants, options.style)
        yield mutant_app(mutants, samples, reading_named(options.readings), api_key, clock)


class AsgiTransport(httpx.BaseTransport):
    """Calls an ASGI application in this thread: no socket, no second thread, no timeout."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run the application until its response is complete."""

        async def respond() -> httpx.Response:
            response = await self._transport.handle_async_request(request)
            body = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
            return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))

        return self._runner.run(respond())

    def close(self) -> None:
        """Close the event loop."""
        self._runner.close()

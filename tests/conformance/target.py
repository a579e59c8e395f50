"""What the suite runs against: its own sandbox, a live server, or a recording."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.settings import check_settings
from allium_market_data.errors import UsageError
from allium_market_data.model.intervals import DAY

from . import cassettes, times
from .document import Document
from .random_examples import RandomExamples
from .request import Server
from .requester import TIMEOUT, Requester

if TYPE_CHECKING:
    from fastapi import FastAPI

TargetName = Literal["sandbox", "cassette", "live"]
EXAMPLE_AROUND: Final = "2026-05-01T00:00:00Z"
SANDBOX_NON_PERP: Final = "hl:spot:HYPE-USDC"
SANDBOX_URL: Final = "http://sandbox.invalid"
HISTORY_AFTER: Final = 14 * DAY
KEY_VARIABLE: Final = "ALLIUM_API_KEY"


class OptionsError(Exception):
    """Command line options that contradict each other or are incomplete."""


@dataclass(frozen=True)
class Options:
    """The command line options; None where an option was not given."""

    target: TargetName = "sandbox"
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    market: str | None = None
    non_perp_market: str | None = None
    around: str | None = None
    readings: tuple[str, ...] = ()
    mutants: tuple[str, ...] = ()
    cassette: str = "sandbox"
    record: bool = False
    profile_out: Path | None = None
    seed: int = 0

    @property
    def is_plain(self) -> bool:
        """True if the sandbox has its usual behaviour, which is the one on record."""
        return not (self.readings or self.mutants)


@dataclass(frozen=True)
class Target:
    """The server, market and time that a run is about."""

    name: str
    """``sandbox`` or ``live``. For a recording: what was recorded."""
    base_url: str
    api_key: str = field(repr=False)
    market: str
    non_perp_market: str | None
    around: int
    """Microseconds since 1970."""


@dataclass(frozen=True)
class OpenTarget:
    """A target that is ready for requests."""

    target: Target
    requester: Requester
    random_examples: RandomExamples


def resolve(options: Options, document: Document, now: dt.datetime) -> Target:
    """The target that the options describe. Raises `OptionsError`; sends no request."""
    if options.target != "sandbox" and not options.is_plain:
        raise OptionsError("--reading and --mutant change the suite's own sandbox; they need --target sandbox")
    if options.target != "live" and options.base_url is not None:
        raise OptionsError("--base-url is the address of a server; it needs --target live")
    if options.target == "cassette":
        return _recorded_target(options)
    around = _parse_around(options.around or EXAMPLE_AROUND, now)
    market = options.market or str(document.parameters["market_id"]["example"])
    if options.target == "sandbox":
        _check_names(options)
        non_perp_market = options.non_perp_market or SANDBOX_NON_PERP
        return Target("sandbox", SANDBOX_URL, options.api_key or "sandbox-key", market, non_perp_market, around)
    key = options.api_key or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise OptionsError(f"--target live needs an API key: pass --api-key or set {KEY_VARIABLE}")
    base_url = options.base_url or document.server
    try:
        check_settings(ApiKey(key), base_url, TIMEOUT, 1, None, None, allow_insecure=False)
    except UsageError as error:
        raise OptionsError(f"--base-url: {error}") from None
    return Target("live", base_url, key, market, options.non_perp_market, around)


def _check_names(options: Options) -> None:
    """Reject unknown readings and mutants. A misspelt mutant must not look like one that was killed."""
    from allium_market_data.errors import SandboxError
    from allium_market_data.sandbox import reading_named

    from .mutants import mutant_endpoint

    try:
        reading_named(options.readings)
        mutant_endpoint(options.mutants)
    except SandboxError as error:
        raise OptionsError(str(error)) from None


def _recorded_target(options: Options) -> Target:
    if options.record:
        raise OptionsError("a recording cannot be recorded: --record needs --target sandbox or live")
    path = cassettes.path_of(options.cassette)
    if not path.is_file():
        raise OptionsError(f"there is no cassette {options.cassette!r} in {cassettes.FOLDER.name}")
    header, _ = cassettes.read(path)
    return Target(
        header.source, header.base_url, cassettes.VALID_KEY, header.market, header.non_perp_market, header.around
    )


def _parse_around(text: str, now: dt.datetime) -> int:
    try:
        around = times.parse(text)
    except ValueError as error:
        raise OptionsError(f"--around: {error}") from None
    latest = (now - times.EPOCH) // dt.timedelta(microseconds=1) - HISTORY_AFTER
    if around > latest:
        raise OptionsError(f"--around must be at least two weeks ago, so that all its buckets are closed; got {text}")
    return around


@contextmanager
def open_target(options: Options, target: Target, document: Document) -> Iterator[OpenTarget]:
    """Connect to the target until the end of the block."""
    with ExitStack() as stack:
        random_examples = RandomExamples(options.seed)
        transport: httpx.BaseTransport | None = None
        if options.target == "cassette":
            path = cassettes.path_of(options.cassette)
            random_examples = RandomExamples(recorded=cassettes.read(path)[0].drawn)
            stack.enter_context(cassettes.replaying(path, document.key_header))
        elif options.target == "sandbox":
            app = stack.enter_context(_sandbox_app(options, target.api_key))
            if options.record:  # vcrpy records what goes through a socket
                from allium_market_data.sandbox import running

                target = replace(target, base_url=stack.enter_context(running(app)))
            else:
                transport = AsgiTransport(app)
        # Proxies of the environment are for live servers only.
        client = httpx.Client(timeout=TIMEOUT, trust_env=options.target == "live", transport=transport)
        stack.enter_context(client)
        if options.record:
            path, header = cassettes.path_of(target.name), _cassette_header(target, document, random_examples)
            stack.enter_context(cassettes.recording(path, header, document.key_header, target.api_key))
        server = Server(target.base_url, target.market, document.key_header, target.api_key)
        yield OpenTarget(target, Requester(server, client), random_examples)


def _cassette_header(target: Target, document: Document, random_examples: RandomExamples) -> cassettes.Header:
    return cassettes.Header(
        source=target.name,
        on=dt.datetime.now(dt.UTC).date().isoformat(),
        document=document.digest,
        # The port of a sandbox is random, and nothing listens there when the cassette is replayed.
        base_url=target.base_url if target.name == "live" else SANDBOX_URL,
        market=target.market,
        non_perp_market=target.non_perp_market,
        around=target.around,
        drawn=random_examples.drawn,
    )


@contextmanager
def _sandbox_app(options: Options, api_key: str) -> Iterator[FastAPI]:
    # Imported here because a run against a server needs neither FastAPI nor DuckDB.
    from allium_market_data.sandbox import Samples, create_app, reading_named

    from .mutants import mutant_endpoint

    with Samples.open() as samples:
        yield create_app(samples, reading_named(options.readings), api_key, mutant_endpoint(options.mutants))


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

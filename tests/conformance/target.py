"""What the suite runs against: a sandbox of its own, a server somewhere, or a recording."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import httpx

from allium_market_data.client.api_key import ApiKey
from allium_market_data.client.settings import check_settings
from allium_market_data.errors import UsageError
from allium_market_data.model.intervals import DAY

from . import cassettes, times
from .ask import TIMEOUT, Asker, Door
from .chance import Chance
from .document import Document

Name = Literal["sandbox", "cassette", "live"]
EXAMPLE_AROUND: Final = "2026-05-01T00:00:00Z"
SANDBOX_NON_PERP: Final = "hl:spot:HYPE-USDC"
HISTORY_AFTER: Final = 14 * DAY
KEY_VARIABLE: Final = "ALLIUM_API_KEY"


class OptionsError(Exception):
    """Options that do not go together; the message is for the user."""


@dataclass(frozen=True)
class Options:
    """The options of the command line; None is what was not given."""

    target: Name = "sandbox"
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
    def plain(self) -> bool:
        """Nothing about the target was changed on purpose, so that its behaviour is the one on record."""
        return not (self.readings or self.mutants)


@dataclass(frozen=True)
class Target:
    """What a run is about."""

    name: str
    """``sandbox`` or ``live``; of a recording, what it was recorded from."""
    base_url: str
    api_key: str = field(repr=False)
    market: str
    non_perp_market: str | None
    around: int
    """Microseconds since 1970."""


@dataclass(frozen=True)
class Opened:
    """A target that answers, and what goes with it."""

    target: Target
    asker: Asker
    chance: Chance


def chosen(options: Options, document: Document, now: dt.datetime) -> Target:
    """The target that the options name. Raises `OptionsError`, and asks nothing."""
    if options.target != "sandbox" and not options.plain:
        raise OptionsError("--reading and --mutant change the suite's own sandbox; they need --target sandbox")
    if options.target != "live" and options.base_url is not None:
        raise OptionsError("--base-url is the address of a server; it needs --target live")
    if options.target == "cassette":
        return _recorded(options)
    around = _around(options.around or EXAMPLE_AROUND, now)
    market = options.market or str(document.parameters["market_id"]["example"])
    if options.target == "sandbox":
        _check_names(options)
        spot = options.non_perp_market or SANDBOX_NON_PERP
        return Target("sandbox", "http://sandbox.invalid", options.api_key or "sandbox-key", market, spot, around)
    key = options.api_key or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise OptionsError(f"--target live needs a key: --api-key, or {KEY_VARIABLE} in the environment")
    server = options.base_url or document.server
    try:
        check_settings(ApiKey(key), server, TIMEOUT, 1, None, None, allow_insecure=False)
    except UsageError as error:
        raise OptionsError(f"--base-url: {error}") from None
    return Target("live", server, key, market, options.non_perp_market, around)


def _check_names(options: Options) -> None:
    """A misspelt mutant must not look like one that was caught."""
    from allium_market_data.errors import SandboxError
    from allium_market_data.sandbox import reading_named

    try:
        reading_named(options.readings)
        if options.mutants:
            from conformance.mutants import mutant_endpoint

            mutant_endpoint(options.mutants)
    except SandboxError as error:
        raise OptionsError(str(error)) from None


def _recorded(options: Options) -> Target:
    if options.record:
        raise OptionsError("a recording cannot be recorded: --record needs --target sandbox or live")
    path = cassettes.path_of(options.cassette)
    if not path.is_file():
        raise OptionsError(f"there is no cassette {options.cassette!r} in {cassettes.FOLDER.name}")
    head, _ = cassettes.read(path)
    return Target(head.source, head.base_url, cassettes.RIGHT_KEY, head.market, head.non_perp_market, head.around)


def _around(text: str, now: dt.datetime) -> int:
    try:
        around = times.parse(text)
    except ValueError as error:
        raise OptionsError(f"--around: {error}") from None
    latest = (now - times.EPOCH) // dt.timedelta(microseconds=1) - HISTORY_AFTER
    if around > latest:
        raise OptionsError(f"--around must be two weeks in the past or more, so that its weeks are closed; got {text}")
    return around


@contextmanager
def opened(options: Options, target: Target, document: Document) -> Iterator[Opened]:
    """The target, answering, until the end of the block."""
    with ExitStack() as stack:
        chance = Chance(options.seed)
        if options.target == "cassette":
            path = cassettes.path_of(options.cassette)
            chance = Chance(recorded=cassettes.read(path)[0].drawn)
            stack.enter_context(cassettes.replaying(path, document.key_header))
        elif options.target == "sandbox":
            target = replace(target, base_url=stack.enter_context(_sandbox(options, target.api_key)))
        client = stack.enter_context(_client(live=options.target == "live"))
        if options.record:
            path = cassettes.path_of(target.name)
            head = _head(target, document, chance)
            stack.enter_context(cassettes.recording(path, head, document.key_header, target.api_key))
        door = Door(target.base_url, target.market, document.key_header, target.api_key)
        yield Opened(target, Asker(door, client), chance)


def _client(live: bool) -> httpx.Client:
    # Proxies of the environment are for the live API, and in the way of a server on this machine. There a new
    # connection costs nothing, and on one that is kept a small answer can wait 40 ms for a delayed acknowledgement.
    limits = httpx.Limits() if live else httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=TIMEOUT, trust_env=live, limits=limits)


def _head(target: Target, document: Document, chance: Chance) -> cassettes.Recorded:
    # The port of a sandbox is an accident; what matters is that nothing is there when the cassette is played.
    address = target.base_url if target.name == "live" else "http://sandbox.invalid"
    return cassettes.Recorded(
        source=target.name,
        on=dt.datetime.now(dt.UTC).date().isoformat(),
        document=document.digest,
        base_url=address,
        market=target.market,
        non_perp_market=target.non_perp_market,
        around=target.around,
        drawn=chance.drawn,
    )


@contextmanager
def _sandbox(options: Options, api_key: str) -> Iterator[str]:
    # Only now: whoever runs the suite against a server needs neither FastAPI nor DuckDB.
    from allium_market_data.sandbox import Reading, Samples, SandboxEndpoint, create_app, reading_named, running

    endpoint: Callable[[Samples, Reading, str], SandboxEndpoint] = SandboxEndpoint
    if options.mutants:
        from conformance.mutants import mutant_endpoint

        endpoint = mutant_endpoint(options.mutants)
    with Samples.open() as samples:
        app = create_app(samples, reading_named(options.readings), api_key, endpoint)
        with running(app) as base_url:
            yield base_url

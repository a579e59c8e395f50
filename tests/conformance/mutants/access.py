"""Access without a valid key, and to markets that should be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from allium_market_data.sandbox.answer import History
from allium_market_data.sandbox.endpoint import SandboxRequest, SandboxResponse
from allium_market_data.sandbox.query import HTTPError

from .edits import EMPTY, JSON_HEADERS
from .mutant import Change, Changes, Mutant, Step

_KEY: Final = ("access.key-needed-1",)
_MARKET: Final = ("market.perpetual-only-1",)
_SERVED: Final = "hl:perp:BTC-USDC"
_EMPTY: Final = SandboxResponse(200, EMPTY, JSON_HEADERS)


def _authenticate(name: str, description: str, change: Change[bytes | None, None]) -> Mutant:
    return Mutant(name, description, _KEY, Changes(authenticate=change))


def _refusal_as(missing: int | None = None, is_wrong: int | None = None) -> Change[bytes | None, None]:
    """Another status for a missing or a wrong key."""

    def change(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
        try:
            call_next(api_key)
        except HTTPError as refusal:
            status = is_wrong if api_key else missing
            raise HTTPError(refusal.status if status is None else status, refusal.detail) from None

    return change


def _key_not_needed(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
    if api_key is not None:
        call_next(api_key)


def _any_key(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
    if not api_key:
        call_next(api_key)


def _any_case(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
    """Accept the key of the sandbox, which has small letters, in any case."""
    call_next(None if api_key is None else api_key.lower())


def _no_key(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
    """Accept every request."""


def _header_ignored(api_key: bytes | None, call_next: Step[bytes | None, None]) -> None:
    call_next(None)


def _empty_for_wrong_key(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
    response = call_next(request)
    return _EMPTY if response.status == 403 else response


def _served(refused: int, which: Callable[[str], bool]) -> Change[str, History]:
    """The rows of a served market, for a market that should be refused with this status."""

    def change(market_id: str, call_next: Step[str, History]) -> History:
        try:
            return call_next(market_id)
        except HTTPError as refusal:
            if refusal.status != refused or not which(market_id):
                raise
            return call_next(_SERVED)

    return change


def _market_as(
    status: int, response: SandboxResponse, which: Callable[[str], bool]
) -> Change[SandboxRequest, SandboxResponse]:
    """Another response for a market that should be refused with this status."""

    def change(request: SandboxRequest, call_next: Step[SandboxRequest, SandboxResponse]) -> SandboxResponse:
        usual = call_next(request)
        return response if usual.status == status and which(request.market_id) else usual

    return change


def _spot(market_id: str) -> bool:
    return ":spot:" in market_id


def _other(market_id: str) -> bool:
    return not _spot(market_id)


MUTANTS: Final = (
    _authenticate("key-not-needed", "without a key, all is served", _key_not_needed),
    _authenticate("any-key", "any key will do", _any_key),
    _authenticate("no-key-at-all", "nobody looks at the key", _no_key),
    _authenticate("key-case-ignored", "large and small letters of a key are alike", _any_case),
    _authenticate("wrong-key-404", "a wrong key is answered with 404", _refusal_as(is_wrong=404)),
    _authenticate("wrong-key-500", "a wrong key is answered with 500", _refusal_as(is_wrong=500)),
    _authenticate("missing-key-404", "a missing key is answered with 404", _refusal_as(missing=404)),
    _authenticate("missing-key-422", "a missing key is answered with 422", _refusal_as(missing=422)),
    Mutant("wrong-key-empty", "a wrong key is answered with no items", _KEY, Changes(whole=_empty_for_wrong_key)),
    Mutant(
        "key-header-ignored",
        "the key in its header is not seen",
        ("access.key-name-1", "access.key-place-1", "access.key-kind-1"),
        Changes(authenticate=_header_ignored),
    ),
    Mutant("spot-served", "a spot market is served", _MARKET, Changes(find=_served(422, _spot))),
    Mutant("spot-empty", "a spot market has no items", _MARKET, Changes(whole=_market_as(422, _EMPTY, _spot))),
    Mutant("unknown-market-served", "an unknown market is served", _MARKET, Changes(find=_served(404, _other))),
    Mutant(
        "unknown-market-empty",
        "an unknown market has no items",
        _MARKET,
        Changes(whole=_market_as(404, _EMPTY, _other)),
    ),
    Mutant(
        "unknown-market-500",
        "an unknown market is answered with 500",
        _MARKET,
        Changes(whole=_market_as(404, replace(_EMPTY, status=500), _other)),
    ),
)

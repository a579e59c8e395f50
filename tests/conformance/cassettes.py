"""Recorded runs: vcrpy's interactions in one compressed file, with a head that says where they came from.

A file is JSON, compressed with xz: the windows of a run overlap, and its long memory finds that. The head holds what was
recorded (``source``: sandbox or live), when, the fingerprint of the document of that day, the questions that Hypothesis
chose, and what the run was about. Keys and cookies are taken out before anything is kept.
"""

from __future__ import annotations

import base64
import gzip
import json
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allium_market_data.client.api_key import ApiKey

from .document import ROOT

if TYPE_CHECKING:
    # Imported where it is needed: most runs record nothing and replay nothing.
    from vcr import VCR
    from vcr.request import Request

FOLDER: Final = ROOT / "tests/cassettes/conformance"
SUFFIX: Final = ".json.xz"
RIGHT_KEY: Final = "(the key)"
ANOTHER_KEY: Final = "(another key)"


@dataclass(frozen=True)
class Recorded:
    """The head of a cassette."""

    source: str
    """``sandbox`` or ``live``."""
    on: str
    """The day, in UTC."""
    document: str
    """The fingerprint of the document at that time."""
    base_url: str
    market: str
    non_perp_market: str | None
    around: int
    """Microseconds since 1970."""
    drawn: dict[str, list[list[Any]]] = field(default_factory=dict)
    """What Hypothesis chose, by property."""


def path_of(name: str) -> Path:
    """Where the cassette of that name is."""
    return FOLDER / f"{name}{SUFFIX}"


def read(path: Path) -> tuple[Recorded, dict[str, Any]]:
    """The head of a cassette, and what vcrpy keeps in it. `ValueError` for a file that is none."""
    try:
        body = json.loads(lzma.decompress(path.read_bytes()), object_hook=_to_bytes)
        return Recorded(**body["recorded"]), body["cassette"]
    except (KeyError, TypeError, lzma.LZMAError) as error:
        raise ValueError(f"{path.name} is no cassette of this suite: {error}") from error


def stale(recorded: Recorded, digest: str) -> str | None:
    """Why a recording no longer stands for the specification, None if it does."""
    if recorded.document == digest:
        return None
    return (
        f"recorded from {recorded.source} on {recorded.on} against the document {recorded.document[:12]}, "
        f"which today is {digest[:12]}: record it anew (nox -s record -- --target {recorded.source})"
    )


@contextmanager
def replaying(path: Path, key_header: str) -> Iterator[None]:
    """Answer every request from ``path``, without any network; what was not recorded is an error."""
    with _vcr(_Store({}), key_header, "").use_cassette(str(path), record_mode="none"):
        yield


@contextmanager
def recording(path: Path, recorded: Recorded, key_header: str, api_key: str) -> Iterator[None]:
    """Write every request and its answer to ``path`` at the end; ``recorded.drawn`` may fill until then."""
    # Beside the old one until it is complete.
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    store = _Store(asdict(recorded) | {"drawn": recorded.drawn})
    with _vcr(store, key_header, api_key).use_cassette(str(fresh), record_mode="all"):
        yield
    if fresh.is_file():
        fresh.replace(path)


def _vcr(store: _Store, key_header: str, api_key: str) -> VCR:
    from vcr import VCR

    def kind(key: str, value: str, request: Request) -> str:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        return RIGHT_KEY if text == (api_key or RIGHT_KEY) else ANOTHER_KEY

    vcr = VCR(
        serializer="conformance",
        match_on=("method", "path", "query", "access"),
        filter_headers=[(key_header, kind), ("authorization", None), ("cookie", None)],
        before_record_response=lambda response: _without_key(_without_cookies(response), ApiKey(api_key)),
    )
    vcr.register_serializer("conformance", _Json)
    vcr.register_persister(store)
    vcr.register_matcher("access", lambda one, other: one.headers.get(key_header) == other.headers.get(key_header))
    vcr.register_matcher("path", lambda one, other: _target(one) == _target(other))
    vcr.register_matcher("query", lambda one, other: _coding(one) == _coding(other))
    return vcr


def _target(request: Request) -> str:
    """Path and query as they were sent: another spelling is another question. The host may change."""
    return "/" + str(request.uri).split("/", 3)[3]


def _coding(request: Request) -> str | None:
    coding: str | None = request.headers.get("accept-encoding")
    return coding


def _without_cookies(response: dict[str, Any]) -> dict[str, Any]:
    headers = response["headers"]
    return response | {"headers": {name: value for name, value in headers.items() if name.lower() != "set-cookie"}}


def _without_key(response: dict[str, Any], secret: ApiKey) -> dict[str, Any]:
    """What a server says, without the key that it was sent. A packed body stays packed where the key is not in it."""
    if not secret.is_there:
        return response
    headers = {name: [secret.redact(value) for value in values] for name, values in response["headers"].items()}
    body = response["body"]["string"]
    packed = "gzip" in str({name.lower(): values for name, values in headers.items()}.get("content-encoding"))
    plain = gzip.decompress(body) if packed else body
    wiped = secret.redact_bytes(plain)
    if wiped != plain:
        body = gzip.compress(wiped, mtime=0) if packed else wiped
    return response | {"headers": headers, "body": {"string": body}, "status": _phrase(response["status"], secret)}


def _phrase(status: dict[str, Any], secret: ApiKey) -> dict[str, Any]:
    return status | {"message": secret.redact(str(status["message"]))}


class _Json:
    """A serializer in vcrpy's sense; a body that is no text becomes base64."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        return json.dumps(cassette, default=lambda value: {"base64": base64.b64encode(value).decode("ascii")})

    @staticmethod
    def deserialize(text: str) -> Any:
        return json.loads(text, object_hook=_to_bytes)


def _to_bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


class _Store:
    """A persister in vcrpy's sense, for a cassette with this head."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._head = head

    def load_cassette(self, path: str, serializer: Any) -> Any:
        from vcr.persisters.filesystem import CassetteNotFoundError
        from vcr.serialize import deserialize

        if not Path(path).is_file():
            raise CassetteNotFoundError
        body = json.loads(lzma.decompress(Path(path).read_bytes()))
        return deserialize(json.dumps(body["cassette"]), serializer)

    def save_cassette(self, path: str, cassette: dict[str, Any], serializer: Any) -> None:
        from vcr.serialize import serialize

        body = {"recorded": self._head, "cassette": json.loads(serialize(cassette, serializer))}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(lzma.compress(json.dumps(body, sort_keys=True).encode(), preset=6))

"""Recorded runs: vcrpy's interactions in one compressed file, with a header that says where they come from.

A file is JSON compressed with xz, whose large dictionary suits the overlapping windows of a run. The header holds what was
recorded (``source``: sandbox or live), the day, the digest of the document on that day, the random examples, and the
markets and instants of the run. Keys and cookies are removed before anything is written.
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
    # Imported at run time only where needed: most runs neither record nor replay.
    from vcr import VCR
    from vcr.request import Request

FOLDER: Final = ROOT / "tests/cassettes/conformance"
SUFFIX: Final = ".json.xz"
VALID_KEY: Final = "(the key)"
OTHER_KEY: Final = "(another key)"


@dataclass(frozen=True)
class Header:
    """The header of a cassette."""

    source: str
    """``sandbox`` or ``live``."""
    on: str
    """The day, in UTC."""
    document: str
    """The digest of the document on that day."""
    target: dict[str, Any]
    """What the run was about: the fields of `target.Target` without the key."""
    drawn: dict[str, list[list[Any]]] = field(default_factory=dict)
    """The random examples, by name."""


def path_of(name: str) -> Path:
    """The file of a cassette."""
    return FOLDER / f"{name}{SUFFIX}"


def read(path: Path) -> tuple[Header, dict[str, Any]]:
    """The header of a cassette, and its interactions as vcrpy stores them. Raises `ValueError` for another file."""
    try:
        body = json.loads(lzma.decompress(path.read_bytes()), object_hook=_to_bytes)
        return Header(**body["recorded"]), body["cassette"]
    except (KeyError, TypeError, lzma.LZMAError) as error:
        raise ValueError(f"{path.name} is not a cassette of this suite: {error}") from error


def outdated(header: Header, digest: str) -> str | None:
    """Why a recording does not match the current document, or None if it does."""
    if header.document == digest:
        return None
    return (
        f"recorded from {header.source} on {header.on} with document {header.document[:12]}, but the document is now "
        f"{digest[:12]}: record it again (nox -s record -- --target {header.source})"
    )


@contextmanager
def replaying(path: Path, key_header: str) -> Iterator[None]:
    """Answer every request from ``path``, without a network. A request that was not recorded is an error."""
    with _vcr(_Store({}), key_header, "").use_cassette(str(path), record_mode="none"):
        yield


@contextmanager
def recording(path: Path, header: Header, key_header: str, api_key: str) -> Iterator[None]:
    """Write every request and response to ``path`` at the end. ``header.drawn`` may still grow until then."""
    # A separate file until it is complete.
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    store = _Store(asdict(header) | {"drawn": header.drawn})
    with _vcr(store, key_header, api_key).use_cassette(str(temporary), record_mode="all"):
        yield
    if temporary.is_file():
        temporary.replace(path)


def _vcr(store: _Store, key_header: str, api_key: str) -> VCR:
    from vcr import VCR

    def placeholder(key: str, value: str, request: Request) -> str:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        return VALID_KEY if text == (api_key or VALID_KEY) else OTHER_KEY

    vcr = VCR(
        serializer="conformance",
        match_on=("method", "target", "key", "coding"),
        filter_headers=[(key_header, placeholder), ("authorization", None), ("cookie", None)],
        before_record_response=lambda response: _without_key(_without_cookies(response), ApiKey(api_key)),
    )
    vcr.register_serializer("conformance", _Json)
    vcr.register_persister(store)
    vcr.register_matcher("target", lambda a, b: _target(a) == _target(b))
    vcr.register_matcher("key", lambda a, b: a.headers.get(key_header) == b.headers.get(key_header))
    vcr.register_matcher("coding", lambda a, b: a.headers.get("accept-encoding") == b.headers.get("accept-encoding"))
    return vcr


def _target(request: Request) -> str:
    """Path and query exactly as sent: another spelling is another request. The host is not compared."""
    return "/" + str(request.uri).split("/", 3)[3]


def _without_cookies(response: dict[str, Any]) -> dict[str, Any]:
    headers = response["headers"]
    return response | {"headers": {name: value for name, value in headers.items() if name.lower() != "set-cookie"}}


def _without_key(response: dict[str, Any], key: ApiKey) -> dict[str, Any]:
    """``response`` with the key redacted wherever the server repeats it. A body without the key keeps its bytes."""
    if not key.is_there:
        return response
    headers = {name: [key.redact(value) for value in values] for name, values in response["headers"].items()}
    status = response["status"] | {"message": key.redact(str(response["status"]["message"]))}
    body = response["body"]["string"]
    is_gzip = "gzip" in str({name.lower(): values for name, values in headers.items()}.get("content-encoding"))
    plain = gzip.decompress(body) if is_gzip else body
    redacted = key.redact_bytes(plain)
    if redacted != plain:
        body = gzip.compress(redacted, mtime=0) if is_gzip else redacted
    return response | {"headers": headers, "body": {"string": body}, "status": status}


class _Json:
    """A vcrpy serializer. Bytes that are not text become base64."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        return json.dumps(cassette, default=lambda value: {"base64": base64.b64encode(value).decode("ascii")})

    @staticmethod
    def deserialize(text: str) -> Any:
        return json.loads(text, object_hook=_to_bytes)


def _to_bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


class _Store:
    """A vcrpy persister for cassettes with this header."""

    def __init__(self, header: dict[str, Any]) -> None:
        self._header = header

    def load_cassette(self, path: str, serializer: Any) -> Any:
        from vcr.persisters.filesystem import CassetteNotFoundError
        from vcr.serialize import deserialize

        if not Path(path).is_file():
            raise CassetteNotFoundError
        body = json.loads(lzma.decompress(Path(path).read_bytes()))
        return deserialize(json.dumps(body["cassette"]), serializer)

    def save_cassette(self, path: str, cassette: dict[str, Any], serializer: Any) -> None:
        from vcr.serialize import serialize

        body = {"recorded": self._header, "cassette": json.loads(serialize(cassette, serializer))}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(lzma.compress(json.dumps(body, sort_keys=True).encode(), preset=6))

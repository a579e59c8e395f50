"""Errors of the storage engine as one whole line: without colour codes, without XML, without keys, and with what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..errors import UsageError
from ..sanitize import clean

REDACTED: Final = "***"

_SECRET_NAME: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|SAS|CREDENTIAL", re.IGNORECASE)
_HEADER_NAME: Final = re.compile(r"(ACCESS_KEY|ACCESS_KEY_ID|TOKEN)$", re.IGNORECASE)
_STORE_VARIABLE: Final = re.compile(r"(AWS|AZURE|GOOGLE)_")
_CAUSE: Final = re.compile(r"\s*(?:\x1b\[\d*m)?↳(?:\x1b\[\d*m)?\s*")
"""Begins each cause of a chain. The engine has split the original text at every colon, so a colon joins it again."""
_URL_PASSWORD: Final = re.compile(r"(?<=://)[^\s/@]*:[^\s/@]*(?=@)")
_BACKTRACE: Final = re.compile(r"\s+0: +(?:0x[0-9a-f]+ - )?\S.*\n\s+1: +(?s:.*)")
"""Printed where RUST_BACKTRACE is set."""
_ERROR_DOCUMENT: Final = re.compile(r"(?:<\?xml[^>]*>)?\s*<Error\b.*?</Error>", re.DOTALL)

_ADVICE: Final = (
    ("NoSuchBucket", "create the bucket, or check its name and the endpoint"),
    ("URL scheme is not allowed", "an endpoint without TLS needs the option AWS_ALLOW_HTTP=true"),
    (
        r"169\.254\.169\.254|CredentialsNotLoaded|Missing .*credentials",
        "no keys were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AccessDenied|403 Forbidden",
        "check the keys, and that they allow the actions listed in store/README.md",
    ),
    (
        "PermanentRedirect|AuthorizationHeaderMalformed|301 Moved|incorrectly configured region",
        "set AWS_REGION to the region of the bucket",
    ),
)
"""A pattern of a cause, and what to do about it. The first that matches counts."""


def describe(error: Exception, options: Mapping[str, str] | None, *, is_local: bool) -> str:
    """The causes of an error, outermost first, as one line. ``options`` are the storage options, whose keys are removed."""
    text = _CAUSE.sub(": ", _BACKTRACE.sub("", str(error)))
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    elif is_local and (cause := re.search(r"([A-Z][^:()]*) \(os error \d+\)", " ".join(clean(text).split()))):
        return cause[1]  # at the end of a long chain that says no more
    text = _ERROR_DOCUMENT.sub(_code_and_message, text)
    line = " ".join(clean(text).split())
    advice = next((f"; {advice}" for pattern, advice in _ADVICE if re.search(pattern, line)), "")
    return _URL_PASSWORD.sub(REDACTED, redact(line, secrets(options))) + advice


def _code_and_message(document: re.Match[str]) -> str:
    """What an S3 server says in its XML. The other elements are identifiers, the access key's among them."""
    parts = [re.search(f"<{name}>(.*?)</{name}>", document[0], re.DOTALL) for name in ("Code", "Message")]
    return ": ".join(part[1] for part in parts if part)


def check_keys(options: Mapping[str, str] | None) -> None:
    """Raise ``UsageError`` for a key that no header can hold, as one from a file with Windows line ends: the engine panics."""
    for name, value in _settings(options):
        if _HEADER_NAME.search(name) and any(character < " " for character in value):
            raise UsageError(f"{name} contains a line end or another control character: remove it")


def secrets(options: Mapping[str, str] | None) -> Iterator[str]:
    """The keys and tokens among storage options, and among the variables that the engine reads from the environment."""
    for name, value in _settings(options):
        if _SECRET_NAME.search(name) and len(value) > 3:
            yield value


def _settings(options: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """The name and the value of each variable of the environment that the engine reads, and of each storage option."""
    yield from ((name, value) for name, value in os.environ.items() if _STORE_VARIABLE.match(name))
    yield from (options or {}).items()


def redact(text: str, values: Iterable[str]) -> str:
    """The text without these values."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text

"""Every error that this package raises on purpose, as one tree::

    AlliumError
    ├── UsageError (also ValueError)   the call is invalid; no request was sent
    ├── OutputError                    a file or a frame could not be created; no partial file remains
    │   └── PrecisionError             a decimal does not fit the requested type; nothing was rounded
    ├── StoreError                     a table cannot be used; rows committed to it earlier are unharmed
    │   ├── NoTableError               there is no table at this address
    │   └── BudgetError                ``max_requests`` is used up; rows fetched so far are committed
    ├── SpecError                      a specification cannot be read, merged, patched, generated or compared
    ├── SandboxError                   the sandbox cannot be started with these options
    └── FetchError                     the rows of a fetch are not complete
        ├── ResponseError              the server responded with a status other than 200
        │   ├── RefusedError           any 4xx
        │   │   ├── AuthenticationError    401
        │   │   ├── PermissionDeniedError  403
        │   │   ├── NotFoundError          404
        │   │   └── RateLimitedError       429, after retries
        │   ├── ServerError            any 5xx, after retries
        │   └── UnexpectedStatusError  any other status, such as a redirect
        ├── TransportError             no complete response was received
        │   ├── DeadlineExceededError  the call took longer than its deadline
        │   ├── RequestTimeoutError    the server took too long, after retries
        │   └── ConnectionFailedError  no connection, or it broke during the response, after retries
        │       ├── CertificateError       the server's certificate is not trusted; nothing was sent
        │       └── ProxyError             the proxy refused to connect to the server; nothing was sent
        ├── ContractError              a response that the specification does not allow
        └── IncompleteError            rows are missing

A ``FetchError`` says where it happened: ``market_id``, ``window`` and, if there was a response, its ``status``, ``headers``
and ``body`` (the first bytes). None of them contains the API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .sanitize import clean

if TYPE_CHECKING:  # the generator of the contract needs these errors, and windows need the contract
    from .model.windows import Window

BODY_KEPT = 2_000
"""The number of bytes of a response body that an error keeps."""


class AlliumError(Exception):
    """The base class of all errors of this package."""


class UsageError(AlliumError, ValueError):
    """The call is invalid, such as an unknown interval, a start that is not before the end, or a malformed time."""


class SpanWarning(UserWarning):
    """Series that are brought together cover different spans, and buckets outside the common span are left out."""


class OutputError(AlliumError):
    """A file or a frame could not be created. An existing file is unchanged, and no partial file remains."""


class PrecisionError(OutputError):
    """A decimal does not fit the requested type. Nothing was rounded."""


class StoreError(AlliumError):
    """A table cannot be read or written, or is not an open-interest table. Rows committed earlier are unharmed."""


class NoTableError(StoreError):
    """There is no Delta table at this address."""


class BudgetError(StoreError):
    """``max_requests`` is used up. Complete windows are committed; repeating the call continues after them."""


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What is known about a failed request: the market, the window and the response.

    ``body`` holds at most the first 2,000 bytes of the response. The API key is removed from ``headers`` and ``body``.
    """

    market_id: str | None = None
    window: Window | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FetchError(AlliumError):
    """A fetch failed. ``message`` says why; the other attributes say where."""

    def __init__(self, message: str, context: ErrorContext | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = context or ErrorContext()

    @property
    def market_id(self) -> str | None:
        """The requested market."""
        return self.context.market_id

    @property
    def window(self) -> Window | None:
        """The requested window."""
        return self.context.window

    @property
    def status(self) -> int | None:
        """The status of the response, if there was one."""
        return self.context.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, with names in lower case."""
        return self.context.headers

    @property
    def body(self) -> bytes:
        """The first bytes of the response body."""
        return self.context.body

    def with_context(self, market_id: str, window: Window) -> FetchError:
        """Add the market and the window to this error, and return it."""
        self.context = replace(self.context, market_id=market_id, window=window)
        return self

    def with_message(self, message: str) -> None:
        """Replace the message of this error."""
        self.message = message
        self.args = (message,)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the context too, so that errors are complete in other processes."""
        return type(self), (self.message, self.context)

    def __str__(self) -> str:
        if self.market_id is None or self.window is None:
            return self.message
        return f"{self.message} [{self.market_id}, {self.window}]"


class ResponseError(FetchError):
    """The server responded with a status other than 200."""


class RefusedError(ResponseError):
    """A 4xx: the server refused the request. Only 408 and 429 are retried, since repeating others would not help."""


class AuthenticationError(RefusedError):
    """401: the API key is missing or not accepted."""


class PermissionDeniedError(RefusedError):
    """403: the API key does not permit this request."""


class NotFoundError(RefusedError):
    """404: the market or the endpoint does not exist."""


class RateLimitedError(RefusedError):
    """429: too many requests, after all retries, or with a Retry-After longer than the retry policy allows."""


class ServerError(ResponseError):
    """A 5xx, after all retries."""


class UnexpectedStatusError(ResponseError):
    """A status that is neither 200 nor an error, such as a redirect. Redirects are not followed."""


class TransportError(FetchError):
    """No complete response was received."""


class DeadlineExceededError(TransportError):
    """The call took longer than its ``deadline``; ``window`` is the part not yet fetched. It is not retried."""


class RequestTimeoutError(TransportError):
    """The server took longer than ``timeout``, after all retries."""


class ConnectionFailedError(TransportError):
    """The connection was refused or reset, or broke during the response, after all retries."""


class CertificateError(ConnectionFailedError):
    """The server's certificate is not trusted, so nothing was sent. It is not retried, and the check cannot be disabled."""


class ProxyError(ConnectionFailedError):
    """The proxy refused to connect to the server, so nothing was sent to it. It is not retried."""


class ContractError(FetchError):
    """A response that the specification does not allow. ``row`` and ``field`` say where in it, if known."""

    def __init__(
        self, message: str, context: ErrorContext | None = None, row: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(message, context)
        self.row = row
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the row and the field too."""
        return type(self), (self.message, self.context, self.row, self.field)


class IncompleteError(FetchError):
    """Rows are missing: the server does not return all of them, or ``totals`` has no row of a market for a bucket."""


class SpecError(AlliumError):
    """A specification cannot be read, merged, patched, generated or compared. Nothing was changed.

    ``where`` names the page, the file or the place in a document (for a conflict, both); ``reason`` says what is wrong. The
    message is one line of both, without control characters.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where = clean(where)
        self.reason = " ".join(clean(reason).split())
        super().__init__(f"{self.where}: {self.reason}")


class SandboxError(AlliumError):
    """The sandbox cannot be started: an invalid file, name, port or API key. The message says what to do."""

"""Everything that this package raises on purpose, as one tree::

    AlliumError
    ├── UsageError (also ValueError)   the call is wrong; nothing was asked
    ├── OutputError                    a file or a frame could not be made; nothing half-written stays
    │   └── PrecisionError             a decimal does not fit the type asked for; nothing was rounded
    ├── StoreError                     a table cannot be used; what was committed to it before is unharmed
    │   └── BudgetError                the requests that were allowed are spent; what was fetched is committed
    ├── SpecError                      a specification cannot be read, merged, patched or generated
    ├── SandboxError                   a sandbox cannot be started as asked for
    └── FetchError                     something was asked, and the answer cannot be used
        ├── ResponseError              the server answered with an error status
        │   ├── RefusedError           any 4xx: the server understood and said no
        │   │   ├── AuthenticationError    401
        │   │   ├── PermissionDeniedError  403
        │   │   ├── NotFoundError          404
        │   │   └── RateLimitedError       429, after the retries
        │   ├── ServerError            any 5xx, after the retries
        │   └── UnexpectedStatusError  anything else that is not 200, such as a redirect
        ├── TransportError             no whole answer came back, after the retries
        │   ├── DeadlineExceededError  the whole call took longer than its deadline
        │   ├── RequestTimeoutError    too slow
        │   └── ConnectionFailedError  refused, reset, cut off, no such host
        │       └── CertificateError       the server's certificate is not trusted; nothing was sent
        ├── ContractError              an answer that the specification does not allow
        └── IncompleteError            rows are missing and the server does not hand them out

A ``FetchError`` knows where it happened: ``market_id``, ``window``, and, where there was an answer, ``status``, ``headers``
and ``body`` (its first bytes). The API key is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .sanitize import clean

if TYPE_CHECKING:
    from .model.windows import Window

BODY_KEPT = 2_000
"""How many bytes of an answer's body an error keeps."""


class AlliumError(Exception):
    """The root of the tree."""


class UsageError(AlliumError, ValueError):
    """The call is wrong: an unknown interval, a start that is not before its end, an unreadable time, an empty market."""


class OutputError(AlliumError):
    """A file or a frame could not be made. What was there before is unharmed, and nothing half-written stays."""


class PrecisionError(OutputError):
    """A decimal does not fit the type that was asked for. Nothing was rounded."""


class StoreError(AlliumError):
    """A table cannot be read, written, or is none of ours. What was committed to it before is unharmed."""


class BudgetError(StoreError):
    """``max_requests`` is spent. What was fetched whole is committed, and the same call again goes on from there."""


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What is known about a failed request: which market and window, and what came back.

    ``body`` holds at most the first 2,000 bytes, ``headers`` those of the answer. Both are cleaned of the API key.
    """

    market_id: str | None = None
    window: Window | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FetchError(AlliumError):
    """A fetch failed; ``message`` says what happened, the attributes say where."""

    def __init__(self, message: str, context: ErrorContext | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = context or ErrorContext()

    @property
    def market_id(self) -> str | None:
        """The market that was asked for."""
        return self.context.market_id

    @property
    def window(self) -> Window | None:
        """The window that was asked for."""
        return self.context.window

    @property
    def status(self) -> int | None:
        """The status of the answer, where there was one."""
        return self.context.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, names in lower case."""
        return self.context.headers

    @property
    def body(self) -> bytes:
        """The first bytes of the answer's body."""
        return self.context.body

    def with_context(self, market_id: str, window: Window) -> FetchError:
        """Say which market and window this error belongs to, and return it."""
        self.context = replace(self.context, market_id=market_id, window=window)
        return self

    def with_message(self, message: str) -> None:
        """Say it in other words."""
        self.message = message
        self.args = (message,)

    def __reduce__(self) -> tuple[type[FetchError], tuple[str, ErrorContext]]:
        """Errors cross process borders whole."""
        return type(self), (self.message, self.context)

    def __str__(self) -> str:
        if self.market_id is None or self.window is None:
            return self.message
        return f"{self.message} [{self.market_id}, {self.window}]"


class ResponseError(FetchError):
    """The server answered with a status that is not 200."""


class RefusedError(ResponseError):
    """A 4xx: the server says no. Asking the same again would not help, so it is not retried (408 and 429 are)."""


class AuthenticationError(RefusedError):
    """401: there is no API key, or it is not accepted."""


class PermissionDeniedError(RefusedError):
    """403: the API key is not allowed to ask this."""


class NotFoundError(RefusedError):
    """404: no such market, or no such endpoint."""


class RateLimitedError(RefusedError):
    """429: too many requests, still after the retries or for longer than a retry may wait."""


class ServerError(ResponseError):
    """A 5xx, still after the retries."""


class UnexpectedStatusError(ResponseError):
    """A status that is neither 200 nor an error, such as a redirect (redirects are not followed)."""


class TransportError(FetchError):
    """No whole answer came back, still after the retries."""


class DeadlineExceededError(TransportError):
    """The whole call took longer than its ``deadline``; ``window`` is what was still to come. It is not retried."""


class RequestTimeoutError(TransportError):
    """The server took longer than ``timeout``."""


class ConnectionFailedError(TransportError):
    """The connection was refused, reset, or cut off in the middle of an answer."""


class CertificateError(ConnectionFailedError):
    """The server's certificate is not trusted, so nothing was sent to it. It is not retried, and cannot be ignored."""


class ContractError(FetchError):
    """An answer that the specification does not allow: ``row`` and ``field`` say which place."""

    def __init__(
        self, message: str, context: ErrorContext | None = None, row: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(message, context)
        self.row = row
        self.field = field

    def __reduce__(self) -> tuple[type[FetchError], tuple[str, ErrorContext]]:
        """Errors cross process borders whole."""
        return type(self), (self.message, self.context, self.row, self.field)  # type: ignore[return-value]


class IncompleteError(FetchError):
    """Rows are known to be missing, and the server does not hand them out."""


class SpecError(AlliumError):
    """The specification cannot be read, merged, patched or generated; nothing was changed.

    ``where`` names the page, file or address at fault (two of them for a conflict) and ``reason`` says what is wrong;
    the message is one line made of both, without what a terminal would obey.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where = clean(where)
        self.reason = " ".join(clean(reason).split())
        super().__init__(f"{self.where}: {self.reason}")


class SandboxError(AlliumError):
    """What a user can get wrong about a sandbox: a file, a name, a port, a missing extra.

    The message says what happened and what to do; it is meant to be printed as it is.
    """

"""The endpoint as a FastAPI application: paths, methods and headers here, everything else in `endpoint`.

Besides the endpoint there are ``/openapi.json`` (the published document), ``/docs`` and ``/health``, which need no key.
Pages of this machine may call the application from a browser (CORS), and those of the origins that are allowed.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from allium_market_data_wire.contract import KEY_HEADER, Operation

from ..errors import SandboxError
from ..sanitize import preview
from .endpoint import HEALTH, HEALTH_PATH, SandboxEndpoint, SandboxRequest, SandboxResponse
from .query import parameters_of
from .readings import Reading
from .request_log import LoggedRequest, RequestLog, access_line
from .samples import Samples

DEFAULT_API_KEY: Final = "sandbox-key"
MAX_LOGGED: Final = 100_000
"""How many requests ``app.state.requests`` keeps; the oldest are dropped first."""
DATA_HEADER: Final = "X-Sandbox-Data"
_METHODS: Final = ["GET", "HEAD"]
_ORIGIN: Final = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^\s/A-Z]+")
_THIS_MACHINE: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"


def create_app(
    samples: Samples | Sequence[Samples],
    reading: Reading | None = None,
    api_key: str = DEFAULT_API_KEY,
    endpoint: Callable[[Samples, Reading, str], SandboxEndpoint] = SandboxEndpoint,
    cors_origins: Sequence[str] = (),
    access_log: Callable[[str], object] | None = None,
) -> FastAPI:
    """The application over ``samples``, or over those of several operations.

    ``app.state.requests`` is the log of its requests. Pages of ``cors_origins`` (``*`` for all) may call it from a browser,
    besides those of this machine. ``access_log`` is called with a line for each request. Raises `SandboxError` for an
    ``api_key`` that cannot be sent in a header, and for an origin that no browser sends.
    """
    if not api_key or not (api_key.isascii() and api_key.isprintable()) or api_key != api_key.strip():
        raise SandboxError("the API key must be printable ASCII text, not empty, without spaces around it")
    several = samples if isinstance(samples, Sequence) else [samples]
    endpoints = [endpoint(each, reading or Reading(), api_key) for each in several]
    parameters = {name for each in endpoints for name in parameters_of(each.operation)}
    # No redirects to paths with a slash, and our own document instead of one that FastAPI derives.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.requests = deque[LoggedRequest](maxlen=MAX_LOGGED)
    _allow_pages(app, cors_origins)

    def log(request: LoggedRequest, seconds: float) -> None:
        if access_log is not None:
            access_log(access_line(request[:3], str(request.status), seconds, parameters, api_key))

    app.add_middleware(RequestLog, log=app.state.requests, on_end=log)
    _add_pages(app, endpoints[0].operation)
    for each in endpoints:
        _add_endpoint(app, each)

    @app.exception_handler(HTTPException)
    async def handle_error(request: Request, error: HTTPException) -> Response:
        response = endpoints[0].error_response(error.status_code, error.detail, dict(error.headers or {}))
        return _to_fastapi(endpoints[0].compress(response, request.headers.get("accept-encoding", "")))

    return app


def _allow_pages(app: FastAPI, origins: Sequence[str]) -> None:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SandboxError(f"not an origin: {preview(origin)}; give one like https://app.example, or * for all")
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_origin_regex=_THIS_MACHINE,
        allow_methods=_METHODS,
        allow_headers=[KEY_HEADER],
        expose_headers=[DATA_HEADER],
    )


def _add_endpoint(app: FastAPI, endpoint: SandboxEndpoint) -> None:
    path = endpoint.operation.path.replace(f"{{{endpoint.operation.market_parameter}}}", "{market}")

    # Not in a thread: a response takes milliseconds, and handing it over costs a good part of one.
    @app.api_route(path, methods=_METHODS)
    async def rows(request: Request) -> Response:
        return _to_fastapi(endpoint(_from_fastapi(request)))


def _add_pages(app: FastAPI, operation: Operation) -> None:
    """Serve the document of the operation's package, a page to try it out, and a path for health checks."""
    package = resources.files(operation.module.partition(".")[0])
    published: dict[str, Any] = json.loads(package.joinpath("openapi.json").read_bytes())
    document = {**published, "servers": [{"url": "/", "description": "This sandbox"}]}  # what /docs sends requests to

    @app.api_route("/openapi.json", methods=_METHODS)
    async def openapi() -> Response:
        return JSONResponse(document)

    @app.api_route("/docs", methods=_METHODS)
    async def docs() -> Response:
        return get_swagger_ui_html(openapi_url="openapi.json", title=f"{published['info']['title']}: sandbox")

    @app.api_route(HEALTH_PATH, methods=_METHODS)
    async def health() -> Response:
        return _to_fastapi(HEALTH)


def _from_fastapi(request: Request) -> SandboxRequest:
    key = request.headers.get(KEY_HEADER)
    return SandboxRequest(
        request.path_params["market"],
        request.scope["query_string"],
        None if key is None else key.encode("latin-1"),
        request.headers.get("accept-encoding", ""),
        request.scope.get("raw_path") or b"",
    )


def _to_fastapi(response: SandboxResponse) -> Response:
    return Response(response.body, response.status, response.headers)

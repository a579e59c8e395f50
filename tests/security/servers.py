"""Servers that repeat the key wherever a response has room for it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from allium_market_data.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContractError,
    DeadlineExceededError,
    FetchError,
    IncompleteError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    RequestTimeoutError,
    ServerError,
    UnexpectedStatusError,
)
from support.serving import MARKET, Answer, page

from .leaks import forms

HOUR: Final = timedelta(hours=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def key_of(head: bytes) -> str:
    """The key in the header of a request."""
    lines = head.decode("latin-1").split("\r\n")
    return next((line.split(": ", 1)[1] for line in lines if line.lower().startswith("x-api-key: ")), "none")


def rows(head: bytes, most: int = 5_000) -> bytes:
    """The body of a correct response with at most ``most`` rows."""
    target = urlsplit(head.split(b" ")[1].decode())
    parameters = {name: values[0] for name, values in parse_qs(target.query).items()}
    start, end = (datetime.fromisoformat(parameters[f"{name}_timestamp"]) for name in ("start", "end"))
    first = EPOCH - (EPOCH - start) // HOUR * HOUR
    return page(first, min(most, -((first - end) // HOUR)), market_id=unquote(target.path.split("/")[4]))


def _sent(body: bytes, key: str, status: str, *headers: str) -> bytes:
    """A response that repeats the key in its reason phrase and in several headers."""
    repeated = [
        f"x-echo: {key}",
        f"x-echo-quoted: {quote(key)}",
        f"set-cookie: key={quote(key)}",
        f"refresh: 0; url=/{key}",
    ]
    lines = [f"HTTP/1.1 {status} no {key}", f"content-length: {len(body)}", "connection: close", *repeated, *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def echo(status: str, *headers: str) -> Answer:
    """Refuse with JSON that repeats the key in every form."""

    def answer(connection: socket.socket, head: bytes) -> None:
        key = key_of(head)
        body = json.dumps({"detail": [{"loc": [key], "msg": f"no {key} here"}], "error": list(forms(key).values())})
        connection.sendall(_sent(body.encode(), key, status, *(header.replace("KEY", key) for header in headers)))

    return answer


def page_echo(status: str) -> Answer:
    """Refuse with an HTML page that repeats the key in every form."""

    def answer(connection: socket.socket, head: bytes) -> None:
        key = key_of(head)
        body = "<html><body>" + "".join(f"<p>{form}</p>" for form in forms(key).values())
        connection.sendall(_sent(body.encode(), key, status))

    return answer


def changed(old: bytes, new: Callable[[str], bytes]) -> Answer:
    """A correct response with ``old`` replaced by something that contains the key."""

    def answer(connection: socket.socket, head: bytes) -> None:
        key = key_of(head)
        connection.sendall(_sent(rows(head).replace(old, new(key)), key, "200"))

    return answer


def _text(key: str) -> bytes:
    return json.dumps(key)[1:-1].encode()


def _good(connection: socket.socket, head: bytes) -> None:
    connection.sendall(_sent(rows(head), key_of(head), "200"))


def _one_row(connection: socket.socket, head: bytes) -> None:
    connection.sendall(_sent(rows(head, 1), key_of(head), "200"))


def _stall(connection: socket.socket, head: bytes) -> None:
    connection.recv(1)


def _raw(before: str, after: str = "") -> Answer:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(f"{before}{key_of(head)}{after}".encode())

    return answer


def _cut(connection: socket.socket, head: bytes) -> None:
    whole = _sent(rows(head) + key_of(head).encode(), key_of(head), "200")
    connection.sendall(whole[:-9])


def _nothing(connection: socket.socket, head: bytes) -> None:
    connection.sendall(_sent(b"", key_of(head), "204"))


def _half(connection: socket.socket, head: bytes) -> None:
    connection.sendall(_sent(b'{"items": [{"market_id": "' + _text(key_of(head)), key_of(head), "200"))


SERVERS: Final[dict[str, tuple[Answer, type[FetchError] | None]]] = {
    "good": (_good, None),
    "unknown names": (changed(b'"oi_base"', lambda key: b'"x ' + _text(key) + b'": [1], "oi_base"'), None),
    "400": (echo("400"), RefusedError),
    "401": (echo("401", "www-authenticate: Basic realm=KEY"), AuthenticationError),
    "403": (page_echo("403"), PermissionDeniedError),
    "404": (echo("404"), NotFoundError),
    "429": (echo("429", "retry-after: KEY"), RateLimitedError),
    "500": (page_echo("500"), ServerError),
    "503": (echo("503", "retry-after: 0"), ServerError),
    "302": (echo("302", "location: http://127.0.0.1:9/KEY"), UnexpectedStatusError),
    "204": (_nothing, UnexpectedStatusError),
    "204 with a body": (echo("204"), ConnectionFailedError),
    "stalled": (_stall, RequestTimeoutError),
    "past the deadline": (_stall, DeadlineExceededError),
    "cut": (_cut, ConnectionFailedError),
    "no http": (_raw("nonsense "), ConnectionFailedError),
    "a broken header": (_raw("HTTP/1.1 200 OK\r\n", "\x00: x\r\n\r\n"), ConnectionFailedError),
    "a long header": (_raw("HTTP/1.1 200 OK\r\nx: ", "x" * 70_000 + "\r\n\r\n"), ContractError),
    "a broken length": (_raw("HTTP/1.1 200 OK\r\ncontent-length: ", "\r\n\r\n"), ConnectionFailedError),
    "a broken chunk": (_raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "\r\n"), ConnectionFailedError),
    "broken gzip": (
        _raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"),
        ConnectionFailedError,
    ),
    "half a value": (_half, ConnectionFailedError),
    "no value": (_raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[{"), ContractError),
    "another market": (changed(MARKET.encode(), _text), ContractError),
    "another time": (changed(b"T00:00", lambda key: b"T" + _text(key)), ContractError),
    "a long time": (changed(b"T00:00", lambda key: b"x" * 36 + _text(key)), ContractError),
    "no decimal": (changed(b'"0.50"', lambda key: b'"' + _text(key) + b'"'), ContractError),
    "no items": (changed(b'"items"', lambda key: b'"' + _text(key) + b'"'), ContractError),
    "a page": (_raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>"), ContractError),
    "one row": (_one_row, IncompleteError),
}
"""What a server does, and the error that a fetch from it raises (None: it succeeds)."""

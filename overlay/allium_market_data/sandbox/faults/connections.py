"""Faults of the connection: refused, reset, cut off, silent or slow."""

from __future__ import annotations

from typing import Final

from .exchange import Exchange
from .fault import Fault

DRIP_SECONDS: Final = 0.05
"""Between two bytes of a response that drips."""
SLOW_SECONDS: Final = 0.05
"""What a slow server takes for a response."""


async def _reset(exchange: Exchange) -> None:
    await exchange.reset()


async def _send_half(exchange: Exchange) -> None:
    """Send the head and the first half of the body."""
    response = exchange.correct_response()
    await exchange.write(exchange.head(response) + response.body[: len(response.body) // 2])


async def _reset_midway(exchange: Exchange) -> None:
    await _send_half(exchange)
    await exchange.pause(0.01)  # most clients have read that half by then; a reset may discard it
    await exchange.reset()


async def _short(exchange: Exchange) -> None:
    await _send_half(exchange)
    await exchange.close()


async def _close(exchange: Exchange) -> None:
    await exchange.close()


async def _stall(exchange: Exchange) -> None:
    await exchange.pause()


async def _stall_midway(exchange: Exchange) -> None:
    await _send_half(exchange)
    await exchange.pause()


async def _drip(exchange: Exchange) -> None:
    response = exchange.correct_response()
    await exchange.write(exchange.head(response))
    for index in range(len(response.body)):
        await exchange.write(response.body[index : index + 1])
        await exchange.pause(DRIP_SECONDS)


async def _slow(exchange: Exchange) -> None:
    await exchange.pause(SLOW_SECONDS)
    await exchange.send(exchange.correct_response())


async def _no_http(exchange: Exchange) -> None:
    await exchange.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await exchange.close()


FAULTS: Final = (
    Fault("connection-refused", "connections are refused", None, after=0, times=None),
    Fault("reset-before-answer", "the connection is reset before the response", _reset),
    Fault("reset-midway", "the connection is reset in the middle of the response", _reset_midway),
    Fault("closed-before-answer", "the connection is closed, in order, before the response", _close),
    Fault("short-body", "the body is shorter than its content-length", _short),
    Fault("stalled", "no response comes, and the connection stays open", _stall),
    Fault("stalled-midway", "half of the response comes, and the connection stays open", _stall_midway),
    Fault("drip", "the response comes byte by byte, too slowly to wait for", _drip),
    Fault("no-http", "the server does not speak HTTP", _no_http),
    Fault("slow", "every response is correct but slow", _slow, after=0, times=None),
)

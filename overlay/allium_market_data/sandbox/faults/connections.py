"""Connections that are refused, broken, cut, silent or slow."""

from __future__ import annotations

from typing import Final

from .fault import Exchange, Fault

DRIP: Final = 0.05
"""Seconds between two bytes of an answer that drips."""
LATE: Final = 0.05
"""Seconds that a slow but honest server takes for an answer."""


async def _reset(exchange: Exchange) -> None:
    await exchange.reset()


async def _half(exchange: Exchange) -> None:
    """The head and the first half of the right answer."""
    answer = exchange.honest()
    await exchange.write(exchange.head(answer) + answer.body[: len(answer.body) // 2])


async def _reset_midway(exchange: Exchange) -> None:
    await _half(exchange)
    await exchange.pause(0.01)  # what was sent is read before the break is told
    await exchange.reset()


async def _short(exchange: Exchange) -> None:
    await _half(exchange)
    await exchange.close()


async def _close(exchange: Exchange) -> None:
    await exchange.close()


async def _stall(exchange: Exchange) -> None:
    await exchange.pause()


async def _stall_midway(exchange: Exchange) -> None:
    await _half(exchange)
    await exchange.pause()


async def _drip(exchange: Exchange) -> None:
    answer = exchange.honest()
    await exchange.write(exchange.head(answer))
    for place in range(len(answer.body)):
        await exchange.write(answer.body[place : place + 1])
        await exchange.pause(DRIP)


async def _late(exchange: Exchange) -> None:
    await exchange.pause(LATE)
    await exchange.send(exchange.honest())


async def _no_http(exchange: Exchange) -> None:
    await exchange.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await exchange.close()


FAULTS: Final = (
    Fault("connection-refused", "there is nobody who listens", None, after=0, times=None),
    Fault("reset-before-answer", "the connection is reset before a byte of the answer", _reset),
    Fault("reset-midway", "the connection is reset in the middle of the answer", _reset_midway),
    Fault("closed-before-answer", "the connection is closed, in order, before a byte of the answer", _close),
    Fault("short-body", "the body is shorter than its content-length", _short),
    Fault("stalled", "nothing comes, and the connection stays open", _stall),
    Fault("stalled-midway", "half of the answer comes, and the connection stays open", _stall_midway),
    Fault("drip", "the answer comes byte by byte, slower than anyone could wait for", _drip),
    Fault("no-http", "something else than an HTTP server is there", _no_http),
    Fault("slow", "every answer is right, and takes its time", _late, after=0, times=None),
)

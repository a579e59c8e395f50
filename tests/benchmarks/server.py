"""A server of prepared bytes, in a process of its own, which does as little as possible for each request.

It serves the same synthetic rows in three forms: that of the specification, a stream of JSON lines, and JSON pages as
coinmetrics-api-client expects them. ``--delay`` delays each response. ``--lazy`` renders rows on request, in the form of the
specification only, so that there can be millions.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from support import wire

MARKET = "hl:perp:BTC-USDC"
START = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAGE = 5_000
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1_440}
"""Rows from one bucket to the next; a coarser bucket has the row at its start."""


class Rows:
    """Rows at 1m without a gap, rendered once."""

    def __init__(self, count: int) -> None:
        self.count = count
        values = [
            (f"{12_000 + i % 977}.{i % 100:02}", f"{1_300_000_000 + i * 37 % 99_999_999}.{i % 100:02}")
            for i in range(count)
        ]
        stamps = [(START + i * MINUTE).strftime("%Y-%m-%dT%H:%M:%S") for i in range(count)]
        self.items = [
            f'{{"market_id":"{MARKET}","ts":"{ts}.000000+00:00","oi_base":"{base}","oi_quote_usd":"{quote}"}}'.encode()
            for ts, (base, quote) in zip(stamps, values, strict=True)
        ]
        self.lines = [
            f'{{"market":"{MARKET}","time":"{ts}.000000000Z","contract_count":"{base}","value_usd":"{quote}",'
            f'"database_time":"{ts}.000000000Z","exchange_time":"{ts}.000000000Z"}}'.encode()
            for ts, (base, quote) in zip(stamps, values, strict=True)
        ]

    def part(self, first: int, stop: int) -> list[bytes]:
        """The rows [first, stop) as the specification writes them."""
        return self.items[first:stop]

    def index(self, text: str) -> int:
        """The row of the first bucket at or after an instant."""
        seconds = (datetime.fromisoformat(text) - START).total_seconds()
        return min(max(-int(-seconds // 60), 0), self.count)


class LazyRows(Rows):
    """The same rows, rendered on request."""

    def __init__(self, count: int) -> None:
        self.count = count

    def part(self, first: int, stop: int) -> list[bytes]:
        """The rows [first, stop) as the specification writes them."""
        return [
            f'{{"market_id":"{MARKET}","ts":"{(START + i * MINUTE).isoformat()}",'
            f'"oi_base":"{12_000 + i % 977}.{i % 100:02}","oi_quote_usd":"{1_300_000_000 + i}.{i % 100:02}"}}'.encode()
            for i in range(first, stop)
        ]


def response_body(rows: Rows, target: str) -> bytes:
    """The body of the response to a request."""
    url = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if "openinterest" not in url.path:
        first, stop = rows.index(query[wire.START]), rows.index(query[wire.END])
        step = STEPS[query[wire.INTERVAL]]
        first += -first % step
        selected = rows.part(first, min(stop, first + step * int(query[wire.LIMIT])))[::step]
        return b'{"items":[' + b",".join(selected) + b"]}"
    if query.get("format") == "json_stream":
        return b"\n".join(rows.lines) + b"\n"
    first = int(query.get("next_page_token", "0"))
    stop = first + int(query.get("page_size", PAGE))
    following = f',"next_page_token":"{stop}"' if stop < rows.count else ""
    return b'{"data":[' + b",".join(rows.lines[first:stop]) + b"]" + following.encode() + b"}"


async def serve(rows: Rows, delay: float) -> None:
    """Print the port and serve until killed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if delay:
                    await asyncio.sleep(delay)
                body = response_body(rows, head.split(b" ", 2)[1].decode())
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--lazy", action="store_true")
    given = parser.parse_args()
    asyncio.run(serve((LazyRows if given.lazy else Rows)(given.rows), given.delay))

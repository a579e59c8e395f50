"""The yardstick of the sandbox: FastAPI that answers every request with the same ready bytes of a file."""

from __future__ import annotations

import sys
from pathlib import Path

from fastapi import FastAPI, Response

from allium_market_data.sandbox import serve
from allium_market_data_wire.contract import OPEN_INTEREST

BODY = Path(sys.argv[1]).read_bytes()
app = FastAPI(openapi_url=None)


@app.get(OPEN_INTEREST.path)
async def ready() -> Response:
    """The bytes."""
    return Response(BODY, media_type="application/json")


if __name__ == "__main__":
    serve(app, on_start=lambda base_url: print(f"sandbox at {base_url}", flush=True))

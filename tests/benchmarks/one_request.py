"""The yardstick of a cold start: the shortest httpx script that prints one window as CSV. ``one_request.py BASE_URL``."""

import sys

import httpx

path = "/api/v1/markets/hl:perp:BTC-USDC/perps/open_interest"
span = {"start_timestamp": "2026-05-01T00:00:00Z", "end_timestamp": "2026-05-05T00:00:00Z"}
headers = {"X-API-KEY": "sandbox-key"}
response = httpx.get(sys.argv[1] + path, params={"interval": "1h", "limit": 5000, **span}, headers=headers)
for row in response.raise_for_status().json()["items"]:
    print(row["market_id"], row["ts"], row["oi_base"], row["oi_quote_usd"], sep=",")

"""The yardstick of a cold start: the shortest httpx script that prints one window as CSV: ``one_request.py URL KEY_HEADER``."""

import sys

import httpx

response = httpx.get(sys.argv[1], headers={sys.argv[2]: "sandbox-key"})
for row in response.raise_for_status().json()["items"]:
    print(row["market_id"], row["ts"], row["oi_base"], row["oi_quote_usd"], sep=",")

"""The first day of the README, for mypy. Nothing here runs it: tests/system/readme does."""

from matplotlib import pyplot

from allium_market_data import MarketData, OpenInterestSeries, align, plot

markets = ["hl:perp:BTC-USDC", "hl:perp:ETH-USDC", "hl:perp:SOL-USDC"]
with MarketData() as client:
    fetched = client.open_interest(markets, interval="1m", start="2026-05-01", end="2026-05-08", progress=print)

hours = {market: minutes.resample("1h") for market, minutes in fetched.items()}
btc = hours["hl:perp:BTC-USDC"]
print(btc.to_pandas().describe())  # floats, since pandas computes with nothing else
print(btc["2026-05-07":])  # the last day

frame = align(hours).to_pandas().set_index("ts")  # one row an hour, the columns of all markets
print(frame.filter(like="oi_quote_usd").pct_change().corr())

figure, axes = pyplot.subplots(figsize=(10, 4))
plot(hours, axes=axes, scale="index")
figure.savefig("first-day.png")

btc.to_parquet("btc.parquet", overwrite=True)
print(OpenInterestSeries.from_file("btc.parquet") == btc)  # True

"""Perpetual open interest from Allium's Market Data API: exact decimals, any window, complete or an error."""

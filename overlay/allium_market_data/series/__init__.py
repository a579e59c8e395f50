"""What a user holds after a fetch: rows of one market, and what can be done with them."""

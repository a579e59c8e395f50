"""The rows of one market that a fetch returns, and what a user can do with them."""

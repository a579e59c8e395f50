"""How rows are fetched: from a plan of requests to a complete series."""

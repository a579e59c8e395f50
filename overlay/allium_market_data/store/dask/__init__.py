"""A backfill spread over a Dask cluster."""

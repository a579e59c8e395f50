"""Running a backfill on a Dask cluster."""

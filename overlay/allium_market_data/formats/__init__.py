"""Rows as Arrow, CSV, JSON Lines and Parquet; files that appear whole or not at all."""

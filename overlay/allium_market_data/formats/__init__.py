"""Rows as Arrow, CSV, JSON Lines and Parquet, and files that appear complete or not at all."""

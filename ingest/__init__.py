"""Parquet files to raw tables: finding, fetching, checking and loading them."""

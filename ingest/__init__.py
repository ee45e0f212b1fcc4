"""Rows of every source to raw tables: finding, fetching, checking and loading them."""

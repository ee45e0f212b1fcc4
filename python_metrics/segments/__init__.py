"""Segments: rows by the groups that a dataset's file names, and gaps between them."""

"""Segments: rows by the groups that monitoring.yml names, and gaps between them."""

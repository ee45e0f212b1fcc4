"""Data files that a person names: which there are, and their rows. Used by ingest.inspection and ingest.datasets."""

"""The columns of files: the types and kinds of their values, and figures of these. Called by ingest.inspection."""

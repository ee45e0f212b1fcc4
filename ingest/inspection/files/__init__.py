"""The files themselves: which there are, their columns, and figures of these. Called by ingest.inspection."""

"""What figures propose: roles, keys, times, windows, the model, its reference, digits. Called by ingest.inspection."""

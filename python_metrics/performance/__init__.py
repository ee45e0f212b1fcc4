"""Performance: what labels say of predictions, as it was known at a moment."""

"""Models: train, store, load and apply them."""

"""What needs nothing else of ours: errors, failpoints, interrupts, how values are written, files. Everybody may use
it."""

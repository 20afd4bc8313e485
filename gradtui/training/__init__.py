"""Training: imports torch, so it always runs in a separate process."""

"""Runs the user's training script as python would, and calls back once it has imported torch."""

"""A user's own training script: running it as python would, and being told when it has imported torch."""

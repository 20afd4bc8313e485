"""The results of a run: its numbers, its curves, and the verdicts on claims."""

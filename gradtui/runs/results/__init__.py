"""What the rows of a run say: its numbers, its curves, and the verdicts on claims."""

"""The processes of a run: how they start, which process owns a run, and what happens when one fails."""

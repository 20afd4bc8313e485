"""The processes of a run: how they start, who owns a run, and what becomes of a process that fails."""

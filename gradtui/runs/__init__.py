"""Runs on disk: their folders, their processes, their numbers. Imports neither torch nor textual."""

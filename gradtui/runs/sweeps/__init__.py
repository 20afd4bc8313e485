"""Sweeps: a grid of runs, its folder, and the process that works through it."""

"""Exports: CSV, TensorBoard event files, and a picture."""

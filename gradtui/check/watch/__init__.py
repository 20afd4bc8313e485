"""Watches gradients through hooks: what each optimizer applied, and whether it had been applied before."""

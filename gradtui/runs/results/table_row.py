"""A line of the results table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A quantity, both variants' values, and their difference."""

    label: str
    left: str
    right: str
    difference: str

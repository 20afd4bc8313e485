"""A row of the table of ``tests.benchmarks.gpu``, and what its measurements are told."""

from __future__ import annotations

from dataclasses import dataclass

Row = list[str]
"""What, the figure, and what else there is to say."""


@dataclass(frozen=True)
class Conditions:
    """``device`` as torch names it; ``quick`` asks for small sizes."""

    device: str
    quick: bool


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs"

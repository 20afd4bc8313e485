"""The words of a verdict on a claim."""

from __future__ import annotations

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot tell"

Ruling = tuple[str, str, str]
"""What was measured, the verdict, and why."""

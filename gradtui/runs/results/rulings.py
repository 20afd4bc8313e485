"""What a claim comes to: a ruling."""

from __future__ import annotations

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot tell"

Ruling = tuple[str, str, str]
"""What was measured, the verdict, and why."""

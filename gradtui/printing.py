"""Text from outside, made fit for a line on a screen."""

from __future__ import annotations


def printable(text: object) -> str:
    """``text`` on one line: what would move the cursor or cannot be encoded is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))

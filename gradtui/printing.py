"""Text from outside, made fit for a line on a screen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def printable(text: object) -> str:
    """``text`` on one line: what would move the cursor or cannot be encoded is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def nearest(word: str, words: Iterable[str]) -> str:
    """``; did you mean 'linear'?`` where one of ``words`` is close to ``word``, else nothing."""
    by_lower = {w.lower(): w for w in words}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5) if len(word) <= 200 else []
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def shown(raw: object) -> str:
    """What was given, fit for one line of an error message: quoted, control characters escaped, cut at 40 characters."""
    if isinstance(raw, str):
        return ascii(raw if len(raw) <= 40 else raw[:37] + "...")
    try:
        text = repr(raw)
    except (ValueError, RecursionError):  # a number of more digits than Python writes; lists in lists in lists
        return f"a huge {type(raw).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."

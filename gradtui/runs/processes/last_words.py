"""Why a process failed, from what it has printed."""

from __future__ import annotations

from pathlib import Path

from gradtui.printing import printable
from gradtui.reasons import aborted_because, explained, reason_of, telling_line
from gradtui.runs.safe_open import last_bytes, printable_lines

LONGEST_REASON = 300
"""Characters of a line that are given as the reason; the whole of it is in the log."""

MOST_BYTES = 1 << 16
"""The end of a log that is looked through for the reason."""


def why_it_ended(words: bytes) -> str:
    """Of a process that ended by itself; ``words`` are the end of its log. Empty where it printed nothing."""
    return telling_line(_text(words))[:LONGEST_REASON]


def why_it_aborted(words: bytes) -> str:
    """Of a process that C++ ended, or Python itself. Empty where it does not say."""
    return aborted_because(_text(words))[:LONGEST_REASON]


def why_it_failed(error: BaseException, log: Path) -> str:
    """Of one that has caught the error; what a GPU's kernel printed stands in the log."""
    return with_log(reason_of(error), log)


def with_log(reason: str, log: Path) -> str:
    """A reason, with what the log knows beyond it."""
    return printable(explained(reason, _text(last_bytes(log, MOST_BYTES))))[:LONGEST_REASON]


def _text(words: bytes) -> str:
    return "\n".join(printable_lines(words))

"""Find out why a process failed from what it printed."""

from __future__ import annotations

from pathlib import Path

from gradtui.printing import printable
from gradtui.reasons import aborted_because, explained, reason_of, telling_line
from gradtui.runs.safe_open import last_bytes, printable_lines

LONGEST_REASON = 300
"""Most characters of a line to report as the reason; the log has the whole line."""

MOST_BYTES = 1 << 16
"""How many bytes at the end of a log to search for the reason."""


def why_it_ended(words: bytes) -> str:
    """Why a process ended by itself; ``words`` are the end of its log. Empty if it printed nothing."""
    return telling_line(_text(words))[:LONGEST_REASON]


def why_it_aborted(words: bytes) -> str:
    """Why C++, or Python itself, aborted a process. Empty if the log does not say."""
    return aborted_because(_text(words))[:LONGEST_REASON]


def why_it_failed(error: BaseException, log: Path) -> str:
    """Why a process that caught ``error`` failed; what a GPU kernel printed is in the log."""
    return with_log(reason_of(error), log)


def with_log(reason: str, log: Path) -> str:
    """A reason, with what the log adds to it."""
    return printable(explained(reason, _text(last_bytes(log, MOST_BYTES))))[:LONGEST_REASON]


def _text(words: bytes) -> str:
    return "\n".join(printable_lines(words))

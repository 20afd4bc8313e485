"""Make text from outside (names, paths, messages, source lines) safe to print on a terminal: see :func:`printable`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0))
) | frozenset(map(chr, range(0xE0100, 0xE01F0)))
"""Invisible characters that Unicode classifies as letters or marks."""


def printable(text: object) -> str:
    """Put ``text`` on one line and escape every unprintable character as Python does: ``\\x1b``, ``\\u202e``.

    Unprintable are control characters, line ends, bidirectional and zero-width characters, lone surrogates, and all spaces
    other than the common one.
    """
    words = str(text)
    if words.isprintable() and (words.isascii() or INVISIBLE.isdisjoint(words)):
        return words
    return "".join(c if c.isprintable() and c not in INVISIBLE else ascii(c)[1:-1] for c in words)


def printable_block(text: str) -> str:
    """The same for text of several lines; line feeds are kept."""
    return "\n".join(map(printable, text.split("\n")))


class GuardedStream:
    """A text stream that passes on only printable characters and line feeds."""

    def __init__(self, stream: TextIO, *, may_break: bool = False) -> None:
        """``may_break``: nobody may be left who reads it, and what is written then is lost: progress must not end a command."""
        self.unguarded = stream
        self._lost = (BrokenPipeError,) if may_break else ()

    def write(self, text: str) -> int:
        with suppress(*self._lost):
            self.unguarded.write(printable_block(text))
        return len(text)

    def flush(self) -> None:
        with suppress(*self._lost):
            self.unguarded.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


@contextmanager
def guarded_output() -> Iterator[None]:
    """Make everything printed in the block safe for a terminal, even if the caller forgets to."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream
        if stream is None or isinstance(stream, GuardedStream)
        else cast("TextIO", GuardedStream(stream, may_break=stream is sys.stderr))
        for stream in streams
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


@contextmanager
def unguarded_output() -> Iterator[None]:
    """Restore the original standard output and error, for the app, which draws the screen itself."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_unguarded, streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def write_over(line: str = "") -> None:
    """Replace the last line on the terminal of standard error. Only this function sends escape sequences past the guard."""
    stream = _unguarded(sys.stderr)
    with suppress(BrokenPipeError):
        stream.write(f"\r\x1b[K{printable(line)}")
        stream.flush()


def _unguarded(stream: TextIO) -> TextIO:
    return stream.unguarded if isinstance(stream, GuardedStream) else stream


def nearest(word: str, words: Iterable[str]) -> str:
    """``; did you mean 'linear'?`` if one of ``words`` is close to ``word``, else the empty string."""
    by_lower = {w.lower(): w for w in words}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5) if len(word) <= 200 else []
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def shown(raw: object) -> str:
    """A given value for a one-line error message: quoted, control characters escaped, cut at 40 characters."""
    if isinstance(raw, str):
        return ascii(raw if len(raw) <= 40 else raw[:37] + "...")
    try:
        text = repr(raw)
    except (ValueError, RecursionError):  # a number with more digits than Python prints; deeply nested lists
        return f"a huge {type(raw).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."

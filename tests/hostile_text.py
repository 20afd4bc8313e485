"""Text that means harm to a terminal, and the proof that none of it got out."""

from __future__ import annotations

import unicodedata

HOSTILE = {
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "window title": "\x1b]0;evil\x07",
    "link": "\x1b]8;;http://evil\x1b\\",
    "clear screen": "\x1b[2J\x1b[H",
    "colour": "\x1b[31m",
    "C1": "\x9b31m\x9d0;evil\x9c\x90q",
    "bell and backspaces": "\x07\x08\x7f\x00",
    "return": "\rover",
    "lines": "\x0b\x0c\x85\u2028\u2029",
    "bidirectional": "\u202eevil\u202c\u2066evil\u2069\u061c",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff\u00ad",
    "drawn as nothing": "\u3164\u115f\u034f\ufe0f\U000e0101",
    "surrogates": "\ud800\udcff",
    "markup": "[red]r[/red][@click=app.bell()]x[/] [/closed] [",
}
"""Payloads by kind. None has a line feed, which ends a line everywhere."""

EVIL = "evil" + " ".join(HOSTILE.values())
MARKUP = HOSTILE["markup"]
ESCAPED = r"\x1b]52;c;ZXZpbA=="
"""What a person sees of the first one."""

_UNFIT = {character for text in HOSTILE.values() for character in text if not character.isascii()}


def leaks(text: str) -> list[str]:
    """The characters that must not reach a terminal; line feeds may."""
    return [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in _UNFIT)]

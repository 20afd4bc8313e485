"""Which characters are drawn: braille where the terminal has it, else blocks, else nothing but ASCII.

Everything is drawn in full and put into simpler characters on its way to the terminal, one column for one column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from gradtui.printing import printable

CHARACTERS = ("braille", "blocks", "ascii")
VARIABLE = "GRADTUI_CHARACTERS"

_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"  # by bits: upper left, upper right, lower left, lower right
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # a braille pattern's bits: column, row

_PLAIN = {
    "+": "╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝",
    "-": "─━═–—▁▔━╸╺",
    "|": "│┃║┊▌▐▎▏▕❘",
    "#": "■█▉▊▋▆▇▅▄▃▀░▒▓▟▙▛▜",
    "o": "●○•",
    ">": "▶▸→›",
    "<": "◀◂←‹",
    "v": "▼▾↓",
    "^": "▲▴↑",
    ".": "·…▖▗▂",
    "'": "▘▝’‘",
    "x": "×✕✖",
    "u": "µμ",
    "*": "★✓✔⭘",
}


def choose(environment: Mapping[str, str]) -> str:
    """What the environment asks for: by name, else ASCII where its locale or its terminal has no more."""
    asked = environment.get(VARIABLE, "").lower()
    if asked in CHARACTERS:
        return asked
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "UTF-8"
    if not re.search(r"utf-?8", locale, re.IGNORECASE) or environment.get("TERM") in ("linux", "dumb"):
        return "ascii"
    return "braille"


def _of_braille() -> tuple[dict[int, str], dict[int, str]]:
    """Every braille pattern as a block of four quadrants, and as an ASCII character of about its shape."""
    blocks, plain = {}, {}
    for bits in range(256):
        dots = [_DOTS[bit] for bit in range(8) if bits >> bit & 1]
        blocks[0x2800 + bits] = _QUADRANTS[sum(1 << n for n in {column + 2 * (row // 2) for column, row in dots})]
        upper, lower = any(row < 2 for _, row in dots), any(row > 1 for _, row in dots)
        plain[0x2800 + bits] = "#" if len(dots) > 5 else ":" if upper and lower else "'" if upper else "." if lower else " "
    return blocks, plain


_BLOCKS, _ASCII = _of_braille()
_ASCII |= {ord(character): plain for plain, characters in _PLAIN.items() for character in characters}


def simplified(text: str, characters: str) -> str:
    """``text`` in simpler characters, as many columns wide."""
    if characters == "braille" or text.isascii():
        return text
    if characters == "blocks":
        return text.translate(_BLOCKS)
    plain = text.translate(_ASCII)
    return plain if plain.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in plain)


class PrintableFilter(LineFilter):
    """The last thing before the terminal: whatever is not printable goes, and every column stays where it is.

    Texts from outside are escaped before, so that they can be read; what some widget has let through ends here.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or printable(segment.text) == segment.text
            else Segment("".join(map(_in_its_place, segment.text)), segment.style)
            for segment in segments
        ]  # fmt: skip


def _in_its_place(character: str) -> str:
    return character if printable(character) == character else "?" * cell_len(character)


class CharacterFilter(LineFilter):
    """Puts every line that is drawn into the chosen characters."""

    def __init__(self, characters: str) -> None:
        super().__init__()
        self.characters = characters

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if self.characters == "braille":
            return segments
        return [Segment(simplified(text, self.characters), style, control) for text, style, control in segments]

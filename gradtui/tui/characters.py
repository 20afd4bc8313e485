"""Choose which characters to draw with: braille, blocks, or only ASCII.

Everything is drawn with the full set and translated to simpler characters on its way to the terminal, column for column.
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
    """The characters that the environment names, else ASCII if its locale or terminal has no more, else braille."""
    asked = environment.get(VARIABLE, "").lower()
    if asked in CHARACTERS:
        return asked
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "UTF-8"
    if not re.search(r"utf-?8", locale, re.IGNORECASE) or environment.get("TERM") in ("linux", "dumb"):
        return "ascii"
    return "braille"


def _of_braille() -> tuple[dict[int, str], dict[int, str]]:
    """Map every braille pattern to a block of four quadrants and to an ASCII character of a similar shape."""
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
    """Translate ``text`` to simpler characters, keeping its width in columns."""
    if characters == "braille" or text.isascii():
        return text
    if characters == "blocks":
        return text.translate(_BLOCKS)
    plain = text.translate(_ASCII)
    return plain if plain.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in plain)


class PrintableFilter(LineFilter):
    """The last filter before the terminal: replaces unprintable characters and keeps every column in place.

    Text from outside is escaped earlier, so that it stays readable; this catches what a widget let through.
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
    """Translates every drawn line to the chosen characters."""

    def __init__(self, characters: str) -> None:
        super().__init__()
        self.characters = characters

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if self.characters == "braille":
            return segments
        return [Segment(simplified(text, self.characters), style, control) for text, style, control in segments]

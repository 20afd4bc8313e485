"""Both themes. Blue is the left side, orange the right: they can be told apart with every kind of colour vision."""

from __future__ import annotations

from textual.theme import Theme

# The hues are those of Okabe and Ito (2008).
DARK = Theme(
    name="gradtui-dark",
    primary="#56b4e9",
    secondary="#e69f00",
    accent="#5f87d7",
    background="#101418",
    surface="#181d23",
    panel="#222930",
    foreground="#d7dce2",
    error="#e06c60",
    success="#7fb069",
    dark=True,
)
LIGHT = Theme(
    name="gradtui-light",
    primary="#0072b2",
    secondary="#b35900",
    accent="#5f87d7",
    background="#fbfaf7",
    surface="#f1efea",
    panel="#e4e1da",
    foreground="#24292e",
    error="#b3261e",
    success="#3a7d2c",
    dark=False,
)

THEMES = (DARK, LIGHT)
"""The first is the default; the palette's command switches to the next."""

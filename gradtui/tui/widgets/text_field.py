"""A text field that handles keys in the order they were typed."""

from __future__ import annotations

from gradtui.tui.library_internals import KeyOrder


class TextField(KeyOrder):
    """Textual's Input, except for the order of keys."""

"""A screen that keeps up with a terminal whose size changes quickly."""

from __future__ import annotations

from textual import events
from textual.screen import Screen


class Settled:
    """A mixin that ignores resize events with an outdated size; it must precede Screen among the bases.

    Textual 8 lays out a screen at the size in an event, and the layout sends the screen another event with that size.
    Two sizes in quick succession would then alternate forever.
    """

    def on_resize(self, event: events.Resize) -> None:
        assert isinstance(self, Screen)
        if event.size == self.app.size:
            self.size_changed()
        else:
            event.prevent_default()

    def size_changed(self) -> None:
        """Called just before the screen is laid out at the app's size."""

"""A screen that keeps up with a terminal whose size changes quickly."""

from __future__ import annotations

from textual import events
from textual.screen import Screen


class Settled:
    """Comes before Screen among a screen's bases: sizes that the terminal no longer has are passed over.

    Textual 8 lays a screen out at the size that an event names, and the layout sends the screen an event with that size
    again. Of two sizes that follow each other closely both would then come back for ever.
    """

    def on_resize(self, event: events.Resize) -> None:
        assert isinstance(self, Screen)
        if event.size == self.app.size:
            self.size_changed()
        else:
            event.prevent_default()

    def size_changed(self) -> None:
        """The screen is about to be laid out at the app's size."""

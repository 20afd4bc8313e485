"""A text field that handles keys in the order they were typed."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class TextField(Input):
    """Textual's Input, except that editing keys act at once, as letters do.

    In Textual, a key with a binding (backspace, ctrl+k) bubbles up to the app before it acts, while a letter acts in the
    field. Keys that arrive together, as they do when a slow link catches up, would be reordered.
    """

    async def _on_key(self, event: events.Key) -> None:
        await super()._on_key(event)
        if not event.is_printable and event.key in self._bindings.key_to_bindings:
            event.stop()
            event.prevent_default()
            await self.run_action(self._bindings.key_to_bindings[event.key][0].action)

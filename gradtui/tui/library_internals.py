"""Every use of a private or undocumented part of Textual and plotext. Written for Textual 8.2 and plotext 5.3.2.

When one of the two moves, run tests/tui/test_library_internals.py first: it names each assumption that no longer holds.

- :class:`RepaintFilter` overrides ``App._display`` and renders ``textual._compositor.ChopsUpdate`` itself. If it breaks,
  look at how ``Compositor.render_partial_update`` hands its spans to the driver. Without it the app sends more bytes.
- :class:`ResizeGuard` keeps ``Screen._on_resize`` from running, which lays out the screen at the size in the event. If a
  screen no longer alternates between two sizes without it, delete it.
- :class:`KeyOrder` overrides ``Input._on_key`` and reads ``DOMNode._bindings``. If it breaks, look at the order in which
  ``Widget.key`` events and ``App._check_bindings`` see a key.
- :func:`queued_writes` reads ``App._driver._writer_thread._queue``. Without it the app draws faster than a slow link takes.
- :func:`new_figure` makes a ``plotext._figure._figure_class``, as plotext offers only one figure that everything shares, and
  calls its ``_limit_size``, as plotext limits a figure to the terminal size that it measured.
- :func:`close_process` closes asyncio's ``Process._transport``, which has no public name. Without it, a process that the app
  leaves at its exit is closed after the event loop, with a warning.
"""

from __future__ import annotations

from asyncio.subprocess import Process
from typing import Any

import plotext
from rich.console import Console, RenderableType
from textual import events
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.screen import Screen
from textual.widgets import Input


class CroppedUpdate(ChopsUpdate):
    """Textual's partial screen update, cropped to what changed; Textual sends each part from its widget's left edge on."""

    def render_segments(self, console: Console) -> str:
        sequences: list[str] = []
        for y, first, end in self.spans:
            for strip_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, first), min(strip_end, end)
                if strip is not None and start < stop:
                    sequences += f"\x1b[{y + 1};{start + 1}H", strip.crop(start - x, stop - x).render(console)
        return "".join(sequences)


def cropped(update: RenderableType | None) -> RenderableType | None:
    """The same update; a partial one is cropped to the columns that changed."""
    if type(update) is ChopsUpdate:
        return CroppedUpdate(update.chops, update.spans, update.chop_ends)
    return update


class RepaintFilter(App[int]):
    """An app that sends only the changed columns of each changed line to the terminal."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, cropped(renderable))


class ResizeGuard:
    """A mixin that ignores resize events with an outdated size; it must precede Screen among the bases.

    Textual lays out a screen at the size in an event, and the layout sends the screen another event with that size. Two
    sizes in quick succession would then alternate forever.
    """

    def on_resize(self, event: events.Resize) -> None:
        assert isinstance(self, Screen)
        if event.size == self.app.size:
            self.size_changed()
        else:
            event.prevent_default()

    def size_changed(self) -> None:
        """Called just before the screen is laid out at the app's size."""


class KeyOrder(Input):
    """An Input whose editing keys act at once, as letters do.

    In Textual, a key with a binding (backspace, ctrl+k) bubbles up to the app before it acts, while a letter acts in the
    field. Keys that arrive together, as they do when a slow link catches up, would be reordered.
    """

    async def _on_key(self, event: events.Key) -> None:
        await super()._on_key(event)
        if not event.is_printable and event.key in self._bindings.key_to_bindings:
            event.stop()
            event.prevent_default()
            await self.run_action(self._bindings.key_to_bindings[event.key][0].action)


def queued_writes(app: App[Any]) -> int:
    """How many writes wait for the terminal; 0 if Textual no longer tells."""
    thread = getattr(app._driver, "_writer_thread", None)
    queue = getattr(thread, "_queue", None)
    return 0 if queue is None else int(queue.qsize())


def new_figure() -> Any:
    """A plotext figure of any size, for one drawing."""
    figure = plotext._figure._figure_class()
    figure._limit_size(False, False)
    return figure


def close_process(process: Process) -> None:
    """Kill a child process, unless it has ended, and close its pipes at once."""
    process._transport.close()  # type: ignore[attr-defined]

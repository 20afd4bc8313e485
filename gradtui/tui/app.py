"""The app: what all screens share."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterable, Mapping, Sequence

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # read when textual is imported; over SSH every frame costs

from rich.console import RenderableType
from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget

from gradtui.printing import printable
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.launch import Starter
from gradtui.tui import keys
from gradtui.tui.characters import CHARACTERS, CharacterFilter, PrintableFilter, choose
from gradtui.tui.link import call_when_gone
from gradtui.tui.repaint_filter import narrowed
from gradtui.tui.screens.help_screen import HelpScreen
from gradtui.tui.screens.leave_dialog import LeaveDialog
from gradtui.tui.screens.resize_guard import Settled
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.telling import telling

# Blue and orange can be told apart with every kind of colour vision (Okabe and Ito, 2008).
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


SETTLED_SECONDS = 1.0
"""Delay after start-up, by when the app's modules are loaded, before gc.freeze() exempts them from garbage collection.
Each full collection would otherwise hold up keys for about 50 ms."""


class Palette(Settled, CommandPalette):
    """The command palette."""


class GradtuiApp(App[int]):
    """See what ``optimizer.zero_grad()`` does."""

    TITLE = "gradtui"
    BINDINGS = [
        *(key.binding() for key in keys.EVERYWHERE),
        # With priority, the focus moves before the next key is handled, so that fast typing lands in the right field.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    NOTIFICATION_TIMEOUT = 8

    def __init__(self, folder: RunFolder | None = None, starter: Starter | None = None) -> None:
        super().__init__()
        self._attached = folder
        self._starter = starter or Starter()
        self._printable = PrintableFilter()
        self._characters = CharacterFilter(choose(os.environ))

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self._loop_of_events = asyncio.get_running_loop()
        self.set_timer(SETTLED_SECONDS, gc.freeze)
        self._main = RunScreen(self._starter, self._attached)
        self.push_screen(self._main)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._printable, self._characters]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification, never as markup: its text may come from outside."""
        super().notify(printable(message), title=title, severity=severity, timeout=timeout, markup=False)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, narrowed(renderable))

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action on any screen; trouble with a run or the home folder becomes a notification."""
        with telling(self):
            return await super().run_action(action, default_namespace, namespaces)
        return True

    def action_characters(self) -> None:
        following = CHARACTERS.index(self._characters.characters) + 1
        self._characters.characters = CHARACTERS[following % len(CHARACTERS)]
        for screen in self.screen_stack:
            for widget in screen.walk_children(Widget, with_self=True):
                widget.refresh()  # also drops its cached lines

    def leave_soon(self, code: int) -> None:
        """Exit cleanly with an exit code; safe to call from any thread or signal handler. A run continues."""
        self._loop_of_events.call_soon_threadsafe(self.exit, None, code)

    def on_unmount(self) -> None:
        self._starter.end()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        if screen is self._main:
            yield from self._main.system_commands()
        yield SystemCommand("Help", "Show the keys and what the screen means (F1 ?)", self.action_help)
        yield SystemCommand("Light or dark", "Change the colours", self._change_theme)
        yield SystemCommand("Quit", "Quit; asks first if a run is in progress (q)", self.action_quit)

    def _change_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    async def action_quit(self) -> None:
        if not self._main.is_live or self._main.folder is None:
            self.exit(0)
        elif self.screen is self._main:
            self.push_screen(LeaveDialog(self._main.folder.id), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "stop":
            with telling(self):  # if the stop fails, the app stays open
                self._main.action_stop()
                self.exit(0)
        elif answer == "leave":
            self.exit(0)


def open_app(folder: RunFolder | None = None) -> int:
    """Open the app on this terminal, showing a run if one is given; return the exit code."""
    app = GradtuiApp(folder)
    call_when_gone(app.leave_soon)
    app.run(mouse=True)
    return app.return_code or 0
